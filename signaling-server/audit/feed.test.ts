import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createNobleIdentity } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { SYSTEM } from '../access/principal.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { auditCheckpoints, auditEntries, feedCursors } from '../storage/schema.ts';
import { silentLog } from '../testing/silent-log.ts';
import type { AuditEntry } from './audit-log.ts';
import { createAuditLog, type ServerAuditLog } from './create-audit-log.ts';
import { hashOfEntry } from './entry-hash.ts';
import { type AuditFeed, startFeed } from './feed.ts';
import { syslogFrame } from './siem-line.ts';
import { type Sender, senderTo } from './siem-senders.ts';
import { parseSiemUrl } from './siem-url.ts';

let folder: string;
let database: Database;
let audit: ServerAuditLog;
let closers: (() => Promise<unknown> | undefined)[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'murmuration-'));
  database = await openDatabase({ dataDir: folder, databaseUrl: undefined, log: silentLog });
  audit = createAuditLog({ database, identity: createNobleIdentity(webCryptoRandom(globalThis.crypto)) });
}, 120_000);
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  for (const table of [auditEntries, auditCheckpoints, feedCursors])
    await database.run((db) => db.delete(table));
  // A log that was emptied is another log: nothing remembers the old one.
  audit = createAuditLog({ database, identity: createNobleIdentity(webCryptoRandom(globalThis.crypto)) });
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

const write = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n++)
    await audit.append(SYSTEM, { action: 'training.start', subject: 'training:über', after: { n } });
};

function feedTo(sender: Sender, changes: Partial<Parameters<typeof startFeed>[0]> = {}): AuditFeed {
  const feed = startFeed({
    name: 'siem',
    audit,
    database,
    sender,
    log: silentLog,
    firstDelayMs: 1,
    longestDelayMs: 5,
    ...changes,
  });
  closers.push(() => feed.close());
  return feed;
}

async function listening<S extends Server>(server: S): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A receiver of JSON lines that answers as it is told. */
async function httpReceiver(statusOf: (request: number) => number) {
  const lines: AuditEntry[] = [];
  const tokens: (string | undefined)[] = [];
  let requests = 0;
  const server: HttpServer = createHttp((request: IncomingMessage, response) => {
    const pieces: Buffer[] = [];
    tokens.push(request.headers.authorization);
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const status = statusOf(++requests);
      if (status === 200)
        for (const line of Buffer.concat(pieces).toString().trimEnd().split('\n'))
          lines.push(JSON.parse(line) as AuditEntry);
      response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end();
    });
  });
  const port = await listening(server);
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { lines, tokens, url: `http://127.0.0.1:${port}/ingest`, requests: () => requests };
}

const seqs = (entries: readonly { seq: number }[]) => entries.map(({ seq }) => seq);

describe('JSON lines over HTTP', () => {
  test('V-06: every entry goes once and in order while all goes well, with the token', async () => {
    const receiver = await httpReceiver(() => 200);
    await write(5);
    const feed = feedTo(senderTo(parseSiemUrl(receiver.url, 'secret')), { batch: 2 });
    await feed.caughtUp();
    await write(2);
    await feed.caughtUp();
    expect(seqs(receiver.lines)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(receiver.tokens)).toEqual(new Set(['Bearer secret']));
    expect(await feed.lag()).toEqual({ entries: 0, failingSinceMs: null, code: null });
    // The receiver can check the chain by what it was sent.
    for (const entry of receiver.lines) expect(hashOfEntry(entry)).toBe(entry.hash);
  });

  test('V-06: a receiver that is away holds nothing up, and gets all when it is back', async () => {
    let isUp = false;
    let refused: () => void = () => undefined;
    const firstRefusal = new Promise<void>((resolve) => {
      refused = resolve;
    });
    const receiver = await httpReceiver(() => {
      if (isUp) return 200;
      refused();
      return 503;
    });
    await write(3);
    const failed = new Promise<void>((resolve) => {
      const log = { ...silentLog, info: () => undefined, warn: () => resolve() };
      const feed = feedTo(senderTo(parseSiemUrl(receiver.url, undefined)), { log, nowMs: () => 77 });
      feeds.push(feed);
    });
    await firstRefusal;
    await failed;
    const feed = feeds.pop()!;
    expect(await feed.lag()).toEqual({ entries: 3, failingSinceMs: 77, code: 'http.unavailable' });
    await write(1);
    expect(receiver.lines).toEqual([]);
    isUp = true;
    await feed.caughtUp();
    expect(seqs(receiver.lines)).toEqual([1, 2, 3, 4]);
    expect(await feed.lag()).toEqual({ entries: 0, failingSinceMs: null, code: null });
  });
  const feeds: AuditFeed[] = [];

  test('V-06: another start goes on where the receiver had got to', async () => {
    const receiver = await httpReceiver((request) => (request <= 2 ? 200 : 500));
    await write(5);
    const log = silentLog;
    const before = startFeed({
      name: 'siem',
      audit,
      database,
      sender: senderTo(parseSiemUrl(receiver.url, undefined)),
      batch: 2,
      log,
      firstDelayMs: 1_000_000,
    });
    while (receiver.requests() < 3) await new Promise((resolve) => setImmediate(resolve));
    await before.close();
    expect(seqs(receiver.lines)).toEqual([1, 2, 3, 4]);
    const again = await httpReceiver(() => 200);
    const feed = feedTo(senderTo(parseSiemUrl(again.url, undefined)));
    await feed.caughtUp();
    expect(seqs(again.lines)).toEqual([5]);
    expect(await feed.takenSeq()).toBe(5);
  });

  test('what was sent and not noted is sent again', async () => {
    const receiver = await httpReceiver(() => 200);
    await write(2);
    let isAway = true;
    const flaky: Database = {
      ...database,
      run: (statement) => {
        // Reading the cursor is the first statement, noting it the second.
        if (isAway && receiver.lines.length > 0) {
          isAway = false;
          return Promise.reject(new Error('gone'));
        }
        return database.run(statement);
      },
    };
    const feed = feedTo(senderTo(parseSiemUrl(receiver.url, undefined)), { database: flaky });
    await feed.caughtUp();
    expect(seqs(receiver.lines)).toEqual([1, 2, 1, 2]);
  });

  test('a redirect is not followed: it could carry the token elsewhere', async () => {
    const receiver = await httpReceiver(() => 302);
    await write(1);
    const sender = senderTo(parseSiemUrl(receiver.url, 'secret'));
    const [entry] = await audit.entriesAfter(0, 1);
    await expect(sender.send([entry!], new AbortController().signal)).rejects.toMatchObject({
      code: 'http.unavailable',
    });
  });

  test('a receiver that does not answer is given up', async () => {
    const server = createTcp((socket) => {
      closers.unshift(async () => socket.destroy());
    });
    const port = await listening(server);
    closers.push(async () => server.close());
    await write(1);
    const [entry] = await audit.entriesAfter(0, 1);
    const sender = senderTo(
      { kind: 'https', url: `http://127.0.0.1:${port}/`, token: undefined },
      { timeoutMs: 20 },
    );
    await expect(sender.send([entry!], new AbortController().signal)).rejects.toMatchObject({
      code: 'http.unavailable',
      facts: { received: 'TimeoutError' },
    });
  });

  test('while another replica sends this one does not', async () => {
    const receiver = await httpReceiver(() => 200);
    await write(1);
    const feed = feedTo(senderTo(parseSiemUrl(receiver.url, undefined)), { leads: () => false });
    await feed.caughtUp();
    expect(receiver.lines).toEqual([]);
    expect((await feed.lag()).entries).toBe(1);
  });
});

/** Reads frames by octet counting (RFC 6587, section 3.4.1), as a receiver does. */
function syslogReader(onMessage: (message: string) => void): (socket: Socket) => void {
  return (socket) => {
    let buffered: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: Buffer) => {
      buffered = Buffer.concat([buffered, piece]);
      for (let space = buffered.indexOf(' '); space > 0; space = buffered.indexOf(' ')) {
        const length = Number(buffered.subarray(0, space).toString());
        if (buffered.length < space + 1 + length) return;
        onMessage(buffered.subarray(space + 1, space + 1 + length).toString());
        buffered = buffered.subarray(space + 1 + length);
      }
    });
  };
}

describe('syslog', () => {
  const SYSLOG = /^<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+) murmuration - (\S+) - \uFEFF(.*)$/;

  test('a frame counts its bytes, not its characters', () => {
    const entry = {
      seq: 1,
      atMs: 0,
      action: 'a.b',
      outcome: 'refused',
      subject: 'ü',
    } as unknown as AuditEntry;
    const text = Buffer.from(syslogFrame(entry, 'höst 1')).toString();
    const [, length, message] = /^(\d+) (.*)$/s.exec(text)!;
    expect(Number(length)).toBe(Buffer.byteLength(message!));
    // Facility 13 · 8 + severity 4.
    expect(message).toMatch(SYSLOG);
    expect(SYSLOG.exec(message!)!.slice(1, 5)).toEqual(['108', '1970-01-01T00:00:00.000Z', 'hst1', 'a.b']);
  });

  async function received(server: Server, url: (port: number) => string, messages: string[], ca?: string) {
    const port = await listening(server);
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => sockets.add(socket));
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    await write(3);
    const feed = feedTo(senderTo(parseSiemUrl(url(port), undefined), ca === undefined ? {} : { ca }));
    await feed.caughtUp();
    while (messages.length < 3) await once(arrived, 'message');
    return messages.map((message) => JSON.parse(SYSLOG.exec(message)![5]!) as AuditEntry);
  }
  const arrived = new (class extends EventTarget {})();

  test('V-06: over TCP', async () => {
    const messages: string[] = [];
    const server = createTcp(
      syslogReader((message) => {
        messages.push(message);
        arrived.dispatchEvent(new Event('message'));
      }),
    );
    const entries = await received(server, (port) => `syslog+tcp://127.0.0.1:${port}`, messages);
    expect(seqs(entries)).toEqual([1, 2, 3]);
    expect(entries[0]).toMatchObject({ subject: 'training:über' });
  });

  test('V-06: over TLS, to a receiver whose certificate is trusted, and to no other', async () => {
    const { key, cert } = selfSigned();
    const messages: string[] = [];
    const server = createTls(
      { key, cert },
      syslogReader((message) => {
        messages.push(message);
        arrived.dispatchEvent(new Event('message'));
      }),
    );
    server.on('tlsClientError', () => undefined);
    const entries = await received(server, (port) => `syslog+tls://localhost:${port}`, messages, cert);
    expect(seqs(entries)).toEqual([1, 2, 3]);

    const { port } = server.address() as AddressInfo;
    const untrusting = senderTo(parseSiemUrl(`syslog+tls://localhost:${port}`, undefined));
    closers.push(async () => untrusting.close());
    await expect(untrusting.send(entries, new AbortController().signal)).rejects.toMatchObject({
      code: 'http.unavailable',
      facts: { received: expect.stringMatching(/SELF_SIGNED/) },
    });
    expect(messages).toHaveLength(3);
  });

  test('a receiver that hung up is connected to anew', async () => {
    const messages: string[] = [];
    const sockets: Socket[] = [];
    const server = createTcp((socket) => {
      sockets.push(socket);
      syslogReader((message) => messages.push(message))(socket);
      socket.on('data', () => arrived.dispatchEvent(new Event('message')));
    });
    const port = await listening(server);
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    await write(1);
    const feed = feedTo(senderTo(parseSiemUrl(`syslog+tcp://127.0.0.1:${port}`, undefined)));
    await feed.caughtUp();
    while (messages.length < 1) await once(arrived, 'message');
    sockets[0]!.end();
    await once(sockets[0]!, 'close');
    await write(1);
    await feed.caughtUp();
    while (messages.length < 2) await once(arrived, 'message');
    expect(sockets).toHaveLength(2);
  });

  function selfSigned(): { key: string; cert: string } {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const made = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync('openssl', [...made, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  }
});

describe('SIEM_URL', () => {
  test('names the receiver', () => {
    expect(parseSiemUrl('https://siem.example.org/in', 't')).toEqual({
      kind: 'https',
      url: 'https://siem.example.org/in',
      token: 't',
    });
    expect(parseSiemUrl('syslog+tls://siem.example.org', undefined)).toEqual({
      kind: 'syslog',
      host: 'siem.example.org',
      port: 6514,
      tls: true,
    });
    expect(parseSiemUrl('syslog+tcp://[::1]:5514', undefined)).toMatchObject({ host: '::1', port: 5514 });
  });

  test.each([
    ['http://siem.example.org/', undefined],
    ['https://user:secret@siem.example.org/', undefined],
    ['syslog+tls://', undefined],
    ['syslog+tls://siem', 'a token'],
    ['ftp://siem', undefined],
    ['nonsense', undefined],
  ])('refuses %s', (url, token) => {
    try {
      parseSiemUrl(url, token);
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'argument.invalid' });
      expect(String(thrown)).not.toContain('secret');
    }
  });
});
