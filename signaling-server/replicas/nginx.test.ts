import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { checkNginx, nginxBinary, prepareNginx, startNginx } from '../testing/nginx.ts';

const binary = nginxBinary();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A replica that says which it is and what it was told. */
async function startReplica(name: string): Promise<number> {
  const server = createServer((request, response) => {
    response.end(JSON.stringify({ name, headers: request.headers }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

interface Echo {
  readonly name: string;
  readonly headers: Record<string, string>;
}

if (binary === undefined) {
  test('nginx is not installed here: its configuration was not checked', () => {
    expect(nginxBinary()).toBeUndefined();
  });
} else {
  test('nginx accepts the configuration that we ship, with and without TLS', async () => {
    const plain = await prepareNginx([8787, 8788]);
    cleanups.push(plain.dispose);
    expect(await checkNginx(binary, plain.parameters)).toContain('test is successful');

    const tls = await prepareNginx([8787, 8788], 'include tls.conf;');
    cleanups.push(tls.dispose);
    const at = (name: string) => join(tls.folder, name);
    execFileSync(
      'openssl',
      `req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test -keyout ${at('key.pem')} -out ${at('cert.pem')}`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    );
    const snippet = await readFile(at('tls.conf'), 'utf8');
    await writeFile(
      at('tls.conf'),
      snippet
        .replaceAll('/etc/murmuration/tls/privkey.pem', at('key.pem'))
        .replaceAll(/\/etc\/murmuration\/tls\/\S+\.pem/g, at('cert.pem'))
        .replace(/listen 443 ssl http2;\nlisten .*\n/, `listen 127.0.0.1:${tls.port} ssl http2;\n`),
    );
    expect(await checkNginx(binary, tls.parameters)).toContain('test is successful');
  });

  test('a federation stays with one replica, by address or by bearer token, while that lives; then it moves', async () => {
    const ports = [await startReplica('a'), await startReplica('b')];
    const nginx = await startNginx(binary, ports);
    cleanups.push(nginx.close);
    const ask = async (path: string, headers = {}) =>
      ((await (await fetch(`${nginx.url}${path}`, { headers })).json()) as Echo).name;
    const names = Array.from({ length: 30 }, (_, i) => `fed-${i}`);
    const homes = await Promise.all(names.map((name) => ask(`/ws?federation=${name}`)));
    expect(new Set(homes)).toEqual(new Set(['a', 'b']));
    expect(await Promise.all(names.map((name) => ask(`/ws?federation=${name}`)))).toEqual(homes);
    const tokens = names.map((name) => ({ authorization: `Bearer ${name}.${'A'.repeat(22)}.12.mac` }));
    expect(await Promise.all(tokens.map((token) => ask('/api/node/messages/1-2', token)))).toEqual(homes);
    await cleanups[0]!(); // replica a is gone
    expect(new Set(await Promise.all(names.map((name) => ask(`/ws?federation=${name}`))))).toEqual(
      new Set(['b']),
    );
  });

  test('a client can claim neither an address nor a certificate', async () => {
    const nginx = await startNginx(binary, [await startReplica('a')]);
    cleanups.push(nginx.close);
    for (const path of ['/', '/ws', '/api/node/messages/1-2']) {
      const claims = {
        'x-client-cert': 'forged',
        'X-CLIENT-CERT': 'forged',
        'x-forwarded-for': '203.0.113.9',
      };
      const answer = await fetch(`${nginx.url}${path}`, { headers: claims });
      const { headers } = (await answer.json()) as Echo;
      expect(headers['x-client-cert']).toBeUndefined();
      expect(headers['x-forwarded-for']).toMatch(/, 127\.0\.0\.1$/);
    }
  });
}
