import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Env, Hono } from 'hono';
import { MESSAGES_PATH } from '../../shared/transport/server-transfer.ts';
import { createHub, type HubOptions, type HubServer } from '../hub/index.ts';
import type { NodeTransportLimits } from './limits.ts';
import { createNodeTransports, type NodeTransports } from './node-transports.ts';

export interface AttachNodeTransportOptions<E extends Env> extends HubOptions {
  readonly app: Hono<E>;
  readonly httpServer: Server;
  readonly nodeLimits?: Partial<NodeTransportLimits>;
}

export interface AttachedNodeTransport {
  readonly hub: HubServer;
  readonly transports: NodeTransports;
  /** Says goodbye to everyone, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/** Puts the hub and the server's own node transport on a server: `/ws` and `/api/node/messages/`. */
export function attachNodeTransport<E extends Env>(
  options: AttachNodeTransportOptions<E>,
): AttachedNodeTransport {
  const { app, httpServer, nodeLimits, ...hubOptions } = options;
  const hub = createHub(hubOptions);
  hub.attach(httpServer);
  const transports = createNodeTransports({
    hub,
    log: hubOptions.log,
    ...(nodeLimits === undefined ? {} : { limits: nodeLimits }),
    ...(hubOptions.clock === undefined ? {} : { clock: hubOptions.clock }),
  });
  app.all(`${MESSAGES_PATH}/:id`, async (context) => {
    const { incoming, outgoing } = context.env as unknown as NodeBindings;
    await transports.handle(incoming, outgoing);
    return new Response(null, RESPONSE_ALREADY_SENT); // a copy: middleware writes headers on it
  });
  return {
    hub,
    transports,
    async close() {
      await transports.close();
      await hub.close();
    },
  };
}

/** What @hono/node-server hands to its app besides the web Request. */
interface NodeBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}
