import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from '@hono/zod-openapi';
import packageJson from '../../package.json' with { type: 'json' };
import type { AddEndpoint, Api } from './endpoint.ts';
import { taggedJson } from './etag.ts';
import { federationComponents } from './schemas/federation.ts';
import { contentSecurityPolicy } from './security-headers.ts';

const TAG = 'Documentation';
/** Beside the entry of the package, which does not export it. */
const PACKAGE = '@scalar/api-reference';
const BUNDLE = 'browser/standalone.js';
const BUNDLE_PATH = '/api/docs/reference.js';
const ONE_DAY = 'public, max-age=86400';

/** The OpenAPI document of the running server, and a page that shows it; nothing comes from anywhere else. */
export function docsRoutes(app: Api, add: AddEndpoint): void {
  let document: object | undefined;

  add({
    method: 'get',
    path: '/api/openapi.json',
    permission: 'public',
    tag: TAG,
    summary: 'This document: OpenAPI 3.1, generated from what the server validates',
    answers: { 200: { description: 'The document', schema: z.looseObject({ openapi: z.string() }) } },
    handle(c) {
      document ??= openApiDocument(app);
      return taggedJson(c, document);
    },
  });

  add({
    method: 'get',
    path: '/api/docs',
    permission: 'public',
    tag: TAG,
    summary: 'A page to read the API by, and to try it',
    answers: { 200: { description: 'The page', type: 'text/html' } },
    handle(c) {
      const policy = contentSecurityPolicy(c.req.header('host'), {
        scripts: [`'sha256-${sha256(SETUP)}'`],
        // The reference puts its styles into the page as it goes; images and fonts come from here all the same.
        styles: ["'unsafe-inline'"],
      });
      return c.html(PAGE, 200, { 'content-security-policy': policy, 'cache-control': 'no-cache' });
    },
  });

  add({
    method: 'get',
    path: BUNDLE_PATH,
    permission: 'public',
    tag: TAG,
    summary: 'The script of that page',
    answers: { 200: { description: 'JavaScript', type: 'text/javascript' } },
    async handle(c) {
      const entry = createRequire(import.meta.url).resolve(PACKAGE);
      const file = await readFile(join(dirname(entry), BUNDLE));
      return c.body(file, 200, {
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': ONE_DAY,
      });
    },
  });
}

export function openApiDocument(app: Api): object {
  const made = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Murmuration',
      version: packageJson.version,
      description:
        "People train one shared model together; nobody's data leaves its device. Each route says by `x-permission` what it takes: a scope, `authenticated`, or `public`. Whoever shows nothing may read of federations that are open.",
      license: { name: packageJson.license },
    },
    servers: [{ url: '/' }],
  });
  const { schemas, ...components } = made.components ?? {};
  return {
    ...made,
    components: {
      ...components,
      schemas: { ...schemas, ...federationComponents() },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A key of this server, a JWT of the issuer that it trusts, an invitation, or what the hub gave a participant.',
        },
      },
    },
  };
}

/** Starts the reference; its hash lets it through the policy of the page. */
const SETUP = `Scalar.createApiReference('#reference', ${JSON.stringify({
  url: '/api/openapi.json',
  telemetry: false,
  withDefaultFonts: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  // It would ask a server of somebody else's.
  agent: { disabled: true },
  mcp: { disabled: true },
})})`;
const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Murmuration API</title>
<link rel="icon" href="data:,">
<div id="reference"></div>
<script src="${BUNDLE_PATH}"></script>
<script>${SETUP}</script>
</html>
`;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
