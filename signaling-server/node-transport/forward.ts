import * as http from 'node:http';
import * as https from 'node:https';
import { pipeline } from 'node:stream/promises';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Log } from '../hub/index.ts';

/** Passes requests on to the replica that they concern. */
export interface Forwarder {
  /**
   * Streams the body there and the answer back, holding no more of either than the sockets do.
   * @param address origin of the other replica.
   * @throws `http.unavailable` when it does not answer; nothing was sent back then.
   */
  forward(request: http.IncomingMessage, response: http.ServerResponse, address: string): Promise<void>;
  close(): void;
}

/** A request that another replica passed on: it is answered here, whatever comes of it, and never passed on again. */
export const FORWARDED_HEADER = 'murmuration-forwarded';

/** A replica that takes or gives nothing for this long is given up; the participant tries again. */
const IDLE_MS = 20_000;
/** Of one connection only (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host'];

export function createForwarder(log: Log): Forwarder {
  const agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true }),
  };

  return {
    async forward(request, response, address) {
      const url = new URL(request.url ?? '/', address);
      const isTls = url.protocol === 'https:';
      const onward = (isTls ? https : http).request(url, {
        agent: agents[isTls ? 'https:' : 'http:'],
        method: request.method ?? 'GET',
        headers: { ...endToEnd(request.headers), [FORWARDED_HEADER]: '1' },
        timeout: IDLE_MS,
      });
      onward.once('timeout', () => onward.destroy(new Error('the other replica is silent')));
      // Whoever asked gave up.
      response.once('close', () => {
        if (!response.writableFinished) onward.destroy();
      });
      const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
        onward.once('response', resolve);
        onward.once('error', reject);
      });
      // It may answer before it has read everything; then its answer counts.
      const sent = pipeline(request, onward).catch((thrown: unknown) => {
        log.debug({ err: thrown }, 'node-transport: a body did not get through to another replica');
      });
      let answer: http.IncomingMessage;
      try {
        answer = await answered;
      } catch (cause) {
        throw new MurmurationError(
          'http.unavailable',
          'The replica that leads the federation does not answer.',
          {
            remedy: 'Try again shortly.',
            cause,
          },
        );
      }
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
      await pipeline(answer, response).catch((thrown: unknown) => {
        log.debug({ err: thrown }, 'node-transport: an answer of another replica broke off');
      });
      await sent;
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

function endToEnd(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}
