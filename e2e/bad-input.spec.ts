import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { ErrorRecord } from '../shared/errors/index.ts';
import { participantIdToBytes } from '../shared/identity/index.ts';
import { seededRandom } from '../shared/random/index.ts';
import { MAX_FRAME_BYTES } from '../shared/transport/hub-frames.ts';
import { CLOSE, MAX_TEXT_BYTES } from '../shared/transport/hub-protocol.ts';
import { NODE_FLAGS } from '../signaling-server/node-flags.ts';
import { defineFederation, roundsOf } from './harness/api.ts';
import { quickFederation } from './harness/federations.ts';
import { expectOneModel, hasModel, ROUNDS_MS } from './harness/one-model.ts';
import { openRawClient } from './harness/raw-client.ts';
import { expect, test } from './harness/test.ts';

test('a stranger who sends rubbish is refused by name, and the run goes on', async ({ server, join }) => {
  await defineFederation(server.url, quickFederation('rubbish', { rounds: { maximum: 10_000 } }));
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'rubbish', shard, examples: 200 })),
  );
  const [victim] = await Promise.all(peers.map((peer) => peer.until(hasModel(1), ROUNDS_MS)));
  const victimId = victim!.self!;
  const stranger = () => openRawClient(server.url, 'rubbish');

  await test.step("a hello that claims another's identity", async () => {
    const client = stranger();
    await client.hello({ participant: victimId });
    expect((await client.refusal()).code).toBe('identity.mismatch');
    expect(await client.closed).toBe(CLOSE.refused);
  });

  await test.step('a hello whose signature is for something else', async () => {
    const client = stranger();
    await client.hello({ incarnation: 2 });
    expect((await client.refusal()).code).toBe('identity.bad-signature');
    expect(await client.closed).toBe(CLOSE.refused);
  });

  await test.step('something else before the hello', async () => {
    const client = stranger();
    await client.next('challenge');
    client.send(Uint8Array.of(0));
    expect((await client.refusal()).code).toBe('wire.out-of-phase');
    expect(await client.closed).toBe(CLOSE.refused);
  });

  await test.step('a hello of another version of the protocol', async () => {
    const client = stranger();
    await client.hello({ protocol: 99 });
    expect((await client.refusal()).code).toBe('wire.version');
    expect(await client.closed).toBe(CLOSE.refused);
  });

  await test.step('rubbish from one who proved an identity', async () => {
    const client = stranger();
    await client.hello();
    await client.next('welcome');
    const refusals: [sent: string | Uint8Array, code: ErrorRecord['code']][] = [
      ['not JSON', 'wire.malformed'],
      [JSON.stringify({ type: 'signal', to: 'nobody', envelope: '' }), 'wire.malformed'],
      ['x'.repeat(MAX_TEXT_BYTES + 1), 'wire.too-large'],
      [Uint8Array.of(99, 1, 2, 3), 'wire.malformed'],
      [new Uint8Array(0), 'wire.malformed'],
      [new Uint8Array(MAX_FRAME_BYTES + 1).fill(1), 'wire.too-large'],
      // A message of the right shape whose checksum is wrong.
      [Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 42), 'wire.integrity'],
    ];
    for (const [sent, code] of refusals) {
      client.send(sent);
      expect((await client.refusal()).code).toBe(code);
    }
    // At random, to the server and, relayed, to a participant that trains. The generator is seeded.
    const random = seededRandom('rubbish');
    const randomBytes = (length: number) => Uint8Array.from({ length }, () => random.below(256));
    for (let i = 0; i < 8; i++) {
      client.sendJson({ type: 'signal', to: victimId, envelope: toText(randomBytes(100)) });
      const payload = randomBytes(1 + i * 50);
      client.send(Uint8Array.of(1, ...participantIdToBytes(victimId), ...payload));
      client.send(Uint8Array.of(6 + (payload[0]! % 250), ...payload));
      expect((await client.refusal()).code).toBe('wire.malformed');
    }
    client.send(new Uint8Array(2 * MAX_TEXT_BYTES + 1));
    expect(await client.closed).toBe(CLOSE.tooLarge);
  });

  await test.step('one who never stops', async () => {
    const client = stranger();
    await client.hello();
    await client.next('welcome');
    for (let i = 0; i < 50; i++) client.send('not JSON');
    expect(await client.closed).toBe(CLOSE.policy);
  });

  await test.step('a document with a wrong field', async () => {
    const document = { ...quickFederation('wrong'), training: { epochs: -1 } };
    const response = await fetch(`${server.url}/api/federations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(document),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'federation.invalid', path: 'training.epochs' });
  });

  const { model, run } = (await peers[0]!.snapshot())!;
  await Promise.all(peers.map((peer) => peer.until(hasModel(model!.version + 3), ROUNDS_MS)));
  await expectOneModel(server.url, peers, model!.version + 3);
  const ids = (await Promise.all(peers.map((peer) => peer.snapshot()))).map((snapshot) => snapshot!.self!);
  for (const { survivors } of await roundsOf(server.url, run!))
    expect(ids).toEqual(expect.arrayContaining([...survivors]));
});

test('a second server on the same data folder ends with a named error', async ({ server }) => {
  const child = spawn(process.execPath, [...NODE_FLAGS, 'signaling-server/main.ts'], {
    cwd: resolve(import.meta.dirname, '..'),
    env: { ...process.env, DATA_DIR: server.dataDir, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
  const fatal = output
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { msg: string; err?: { code: string; message: string } })
    .find(({ err }) => err !== undefined);
  expect(fatal?.err?.code).toBe('storage.locked');
  expect(fatal?.err?.message).toContain('set DATA_DIR to another folder');
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
