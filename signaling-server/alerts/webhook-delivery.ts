import { createHmac } from 'node:crypto';
import type { lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Alert } from './alert.ts';
import type { AlertRepository } from './alert-repository.ts';
import { checkWebhookUrl, guardedLookup, hostOf } from './webhook-target.ts';

export const SIGNATURE_HEADER = 'X-Murmuration-Signature';
const TIMEOUT_MS = 10_000;

/** What is sent, decided when the alert changed: a receiver sees each change, however late. */
export interface Delivery {
  /** Names the webhook, the alert and its change; the same change is one delivery. */
  readonly id: string;
  readonly webhook: string;
  readonly state: 'firing' | 'resolved';
  readonly alert: Alert;
}

/** Tries again with growing pauses, and gives up after some: a job queue. */
export interface DeliveryQueue {
  /** Durable when it resolves; the same id again changes nothing. */
  send(delivery: Delivery): Promise<void>;
}

/** Hex HMAC-SHA-256 of the body's bytes under the UTF-8 bytes of the secret, as `sha256=…`. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

export function deliveryOf(webhook: string, alert: Alert): Delivery {
  const state = alert.resolvedAtMs === null ? 'firing' : 'resolved';
  return { id: `${webhook}/${alert.id}/${state}`, webhook, state, alert };
}

export interface DeliveryOptions {
  readonly repository: Pick<AlertRepository, 'getWebhook'>;
  /** WEBHOOK_ALLOW_PRIVATE. */
  readonly allowPrivate: boolean;
  readonly timeoutMs?: number;
  readonly resolveName?: typeof lookup;
}

/**
 * One try. Resolves when the receiver took it, or the webhook is gone. A redirect is not followed: it is an answer other than 2xx.
 * @throws `http.unavailable` for what is worth another try; `argument.invalid` for an address that is not sent to; `aborted`.
 */
export async function deliver(
  { id, webhook: webhookId, state, alert }: Delivery,
  { repository, allowPrivate, timeoutMs = TIMEOUT_MS, resolveName }: DeliveryOptions,
  signal: AbortSignal,
): Promise<void> {
  const webhook = await repository.getWebhook(webhookId);
  if (webhook === undefined) return;
  const url = checkWebhookUrl(webhook.url, allowPrivate);
  const body = JSON.stringify({ id, type: `alert.${state}`, alert });
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'User-Agent': 'murmuration',
    [SIGNATURE_HEADER]: signatureOf(body, webhook.secret),
  };
  const ends = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const status = await post(url, headers, body, guardedLookup(allowPrivate, resolveName), ends);
  if (status >= 200 && status < 300) return;
  throw new MurmurationError('http.unavailable', 'The receiver of a webhook did not take a delivery.', {
    expected: 'a status from 200 to 299',
    received: String(status),
    remedy: 'It is sent again; look into the receiver.',
  });
}

/** @returns the status. The answer's body is not read. */
function post(
  url: URL,
  headers: Readonly<Record<string, string | number>>,
  body: string,
  lookUp: LookupFunction,
  signal: AbortSignal,
): Promise<number> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((settle, reject) => {
    const outgoing = request(url, {
      method: 'POST',
      headers,
      signal,
      agent: false,
      // An address is not looked up, and was checked as it stands.
      ...(isIP(hostOf(url)) === 0 ? { lookup: lookUp } : {}),
    });
    outgoing.once('response', (response) => {
      settle(response.statusCode ?? 0);
      response.destroy();
    });
    outgoing.on('error', (cause) => {
      reject(
        cause instanceof MurmurationError
          ? cause
          : new MurmurationError('http.unavailable', 'The receiver of a webhook was not reached.', {
              received: (cause as NodeJS.ErrnoException).code ?? cause.name,
              remedy: 'It is sent again; check the address and the receiver.',
              cause,
            }),
      );
    });
    outgoing.end(body);
  });
}
