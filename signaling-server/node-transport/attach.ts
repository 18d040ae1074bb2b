import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { MESSAGES_PATH } from '../../shared/transport/server-transfer.ts';
import { createHub, type HubOptions, type HubServer } from '../hub/index.ts';
import type { NodeTransportLimits } from './limits.ts';
import { createNodeTransports, type NodeTransports } from './node-transports.ts';

export interface AttachNodeTransportOptions extends HubOptions {
  readonly httpServer: Server;
  readonly nodeLimits?: Partial<NodeTransportLimits>;
}

export interface AttachedNodeTransport {
  readonly hub: HubServer;
  readonly transports: NodeTransports;
  /** Says goodbye to everyone, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/**
 * Puts the hub and the server's own node transport on an HTTP server, before it listens: `/ws` and
 * `/api/node/messages/`. Everything else goes to the listeners that are there already.
 */
export function attachNodeTransport(options: AttachNodeTransportOptions): AttachedNodeTransport {
  const { httpServer, nodeLimits, ...hubOptions } = options;
  const hub = createHub(hubOptions);
  hub.attach(httpServer);
  const transports = createNodeTransports({
    hub,
    log: hubOptions.log,
    onReceived: (bytes) => hubOptions.onCarried?.('server', bytes),
    ...(nodeLimits === undefined ? {} : { limits: nodeLimits }),
    ...(hubOptions.clock === undefined ? {} : { clock: hubOptions.clock }),
  });
  takeRequests(httpServer, `${MESSAGES_PATH}/`, transports.handle);
  return {
    hub,
    transports,
    async close() {
      await transports.close();
      await hub.close();
    },
  };
}

/** Model bytes bypass the app: through web Requests they would take several times as long. */
function takeRequests(
  httpServer: Server,
  prefix: string,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): void {
  const others = httpServer.listeners('request') as ((...args: unknown[]) => void)[];
  httpServer.removeAllListeners('request');
  httpServer.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith(prefix)) void handle(request, response);
    else for (const other of others) other.call(httpServer, request, response);
  });
}
