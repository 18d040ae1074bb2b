import { expect } from '@playwright/test';
import type { ServerProcess } from './server-process.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says is what the test is about
  readonly body: any;
}

/** The server's HTTP API, as whoever holds a credential sees it. */
export interface Api {
  readonly url: string;
  readonly bearer: string | undefined;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  send(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
}

/** @param bearer undefined: as anybody. */
export function apiOf(url: string, bearer?: string): Api {
  const authorization = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  const ask = async (path: string, init: RequestInit & { headers?: Readonly<Record<string, string>> }) => {
    const headers = { ...authorization, ...init.headers };
    const response = await fetch(`${url}${path}`, { ...init, headers });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  return {
    url,
    bearer,
    get: (path, headers = {}) => ask(path, { headers }),
    send: (method, path, body, headers = {}) =>
      body === undefined
        ? ask(path, { method, headers })
        : ask(path, {
            method,
            headers: { 'content-type': 'application/json', ...headers },
            body: JSON.stringify(body),
          }),
  };
}

const KEY = /\bmk_[0-9a-f]+_[\w-]+/g;

/** The operator's key that a first start shows on standard error: once. */
export async function firstKeyOf(server: ServerProcess): Promise<string> {
  await expect
    .poll(() => server.standardError.match(KEY) ?? [], { message: 'the first key on standard error' })
    .toHaveLength(1);
  return server.standardError.match(KEY)![0]!;
}

/** A key with this role, made by whoever may. */
export async function keyFor(by: Api, order: Readonly<Record<string, unknown>>): Promise<Api> {
  const { status, body } = await by.send('POST', '/api/keys', order);
  expect(status, JSON.stringify(body)).toBe(201);
  return apiOf(by.url, body.secret);
}
