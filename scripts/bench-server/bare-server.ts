import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

/**
 * As little as can pass frames on, answer with a document and send a file: what is measured against it is what ours adds.
 * Knows nobody, checks nothing, limits nothing. `bare-server.ts PORT DOCUMENT MODEL`
 */
const [port, documentPath, modelPath] = process.argv.slice(2) as [string, string, string];
const RELAY_ID_END = 17;
const document: unknown = JSON.parse(readFileSync(documentPath, 'utf8'));
const modelBytes = statSync(modelPath).size;

const server = createServer((request, response) => {
  if (request.url === '/model') {
    const etag = '"model"';
    if (request.headers['if-none-match'] === etag) return response.writeHead(304, { etag }).end();
    response.writeHead(200, {
      etag,
      'content-type': 'application/octet-stream',
      'content-length': modelBytes,
    });
    return createReadStream(modelPath).pipe(response);
  }
  return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
});

const receivers = new Map<string, WebSocket>();
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
  const id = Buffer.from(new URL(request.url!, 'http://bare').searchParams.get('id')!, 'base64url');
  receivers.set(id.toString('latin1'), socket);
  socket.on('message', (data) => {
    const frame = data as Buffer;
    const receiver = receivers.get(frame.toString('latin1', 1, RELAY_ID_END));
    frame.set(id, 1);
    receiver?.send(frame);
  });
  socket.on('close', () => receivers.delete(id.toString('latin1')));
});

server.listen(Number(port), '127.0.0.1');
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
