import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { WebSocket } from 'ws';
import { type ParticipantId, participantIdOf, participantIdToBytes } from '../../shared/identity/index.ts';
import { FRAME_KIND } from '../../shared/transport/hub-frames.ts';
import { HUB_PROTOCOL, helloStatement, type ServerText } from '../../shared/transport/hub-protocol.ts';

/** Ids and keys, made beforehand. */
export interface Credentials {
  readonly id: ParticipantId;
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

/** A connection to a relay: proven to the hub, or known to the bare server. */
export interface Member {
  readonly id: ParticipantId;
  readonly idBytes: Uint8Array<ArrayBuffer>;
  readonly federation: string;
  readonly socket: WebSocket;
}

export interface Crowd {
  readonly members: readonly Member[];
  /** From the first connection that was tried to the last one that was welcomed. */
  readonly connectMs: number;
  /** Of each, from opening its socket to the welcome. */
  readonly handshakesMs: readonly number[];
  /** Called with every relayed frame, and to whom it came. */
  onRelay: (to: Member, frame: Buffer) => void;
  close(): Promise<void>;
}

const AT_ONCE = 64;
const HANDSHAKE_LIMIT_MS = 60_000;
/** From `stream` on, an acknowledgement repeats the message's own bytes: hub-frames.ts. */
const ACK_BYTES = 9;

export function makeCredentials(count: number): Credentials[] {
  return Array.from({ length: count }, () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const { x } = publicKey.export({ format: 'jwk' });
    const id = participantIdOf(new Uint8Array(Buffer.from(x!, 'base64url')));
    return {
      id,
      publicKey: x!,
      privateKey: createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    };
  });
}

/** Connects all of them to the hub by its handshake, so many at a time. @param federationOf of the n-th. */
export function connectCrowd(
  origin: string,
  credentials: readonly Credentials[],
  federationOf: (index: number) => string,
): Promise<Crowd> {
  return gather(credentials, (each, index, onFrame) => joinHub(origin, each, federationOf(index), onFrame));
}

/** The same to the bare server, which takes them by what they say. */
export function connectBareCrowd(origin: string, credentials: readonly Credentials[]): Promise<Crowd> {
  return gather(credentials, async ({ id }, _, onFrame) => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws?id=${id}`, { perMessageDeflate: false });
    const member = memberOf(id, '', socket);
    socket.on('message', (data) => onFrame(member, data as Buffer));
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return member;
  });
}

type OnFrame = (to: Member, frame: Buffer) => void;

async function gather(
  credentials: readonly Credentials[],
  connect: (each: Credentials, index: number, onFrame: OnFrame) => Promise<Member>,
): Promise<Crowd> {
  const members: Member[] = [];
  const handshakesMs: number[] = [];
  const startMs = performance.now();
  let next = 0;
  const crowd: Crowd = {
    members,
    handshakesMs,
    connectMs: 0,
    onRelay: () => undefined,
    async close() {
      await Promise.all(
        members.map(({ socket }) => {
          const closed = new Promise((resolve) => socket.once('close', resolve));
          if (socket.readyState === WebSocket.CLOSED) return undefined;
          socket.terminate();
          return closed;
        }),
      );
    },
  };
  const work = async (): Promise<void> => {
    for (let index = next++; index < credentials.length; index = next++) {
      const atMs = performance.now();
      members[index] = await connect(credentials[index]!, index, (to, frame) => crowd.onRelay(to, frame));
      handshakesMs.push(performance.now() - atMs);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return Object.assign(crowd, { connectMs: performance.now() - startMs });
}

/** @throws what the hub refused it with. */
export function joinHub(
  origin: string,
  credentials: Credentials,
  federation: string,
  onRelay: OnFrame,
): Promise<Member> {
  const { id } = credentials;
  const address = `${origin.replace('http', 'ws')}/ws?federation=${federation}`;
  const socket = new WebSocket(address, { perMessageDeflate: false });
  const member = memberOf(id, federation, socket);
  return new Promise((resolve, reject) => {
    let isIn = false;
    const fail = (why: string): void => {
      clearTimeout(limit);
      socket.terminate();
      reject(new Error(`${id} could not join ${federation}: ${why}`));
    };
    const limit = setTimeout(() => fail('no welcome'), HANDSHAKE_LIMIT_MS);
    socket.on('error', (error) => fail(error.message));
    socket.on('close', (code) => !isIn && fail(`closed with ${code}`));
    socket.on('message', (data, isBinary) => {
      const frame = data as Buffer;
      if (isBinary)
        return frame[0] === FRAME_KIND.relay ? onRelay(member, frame) : acknowledge(socket, frame);
      if (isIn) return; // who arrives and departs
      const message = JSON.parse(frame.toString()) as ServerText;
      if (message.type === 'challenge') socket.send(helloTo(message.nonce, credentials, federation));
      if (message.type === 'refused') fail(message.error.message);
      if (message.type !== 'welcome') return;
      isIn = true;
      clearTimeout(limit);
      resolve(member);
    });
  });
}

function helloTo(nonce: string, { id, publicKey, privateKey }: Credentials, federation: string): string {
  const fields = { participant: id, incarnation: 1, federation };
  const signature = sign(null, helloStatement({ nonce, ...fields }), privateKey).toString('base64url');
  return JSON.stringify({ type: 'hello', protocol: HUB_PROTOCOL, publicKey, signature, ...fields });
}

/** Whatever the server's node has to say is taken as said: nobody here takes part in rounds. */
function acknowledge(socket: WebSocket, frame: Buffer): void {
  if (frame[0] !== FRAME_KIND.message && frame[0] !== FRAME_KIND.offer) return;
  const ack = Buffer.from(frame.subarray(0, ACK_BYTES));
  ack[0] = FRAME_KIND.ack;
  socket.send(ack);
}

function memberOf(id: ParticipantId, federation: string, socket: WebSocket): Member {
  return { id, idBytes: participantIdToBytes(id), federation, socket };
}
