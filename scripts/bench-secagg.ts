import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { webCryptoRandom } from '../shared/random/index.ts';
import { nobleSuite, webSuite } from '../shared/secagg/index.ts';
import { measureAesLimit } from './bench-secagg/aes-limit.ts';
import { failuresOf, type MeasuredTraffic } from './bench-secagg/bounds.ts';
import { leavers, makeCohort, makeUpdate } from './bench-secagg/cohort.ts';
import { type KeystreamRate, measureKeystream } from './bench-secagg/keystream.ts';
import { dealLargeCohort, revealsOf } from './bench-secagg/large-cohort.ts';
import { playParticipant } from './bench-secagg/large-participant.ts';
import {
  cellOf,
  DROPS,
  measureMesh,
  type ParticipantCell,
  type RefusedCell,
} from './bench-secagg/measure.ts';
import {
  reportKeystreams,
  reportMessages,
  reportNaive,
  reportParticipants,
  reportServer,
  reportTraffic,
  type ServerCell,
} from './bench-secagg/report.ts';
import { assignmentOf, type PhaseMs, type PlayedRound, playRound, updatesOf } from './bench-secagg/round.ts';
import { measureServer } from './bench-secagg/server.ts';
import { type PeerMail, trafficOf } from './bench-secagg/traffic.ts';
import { integerOption, readOptions, writeJson } from './options.ts';

/**
 * What secure aggregation costs beside training and the network: time per phase of one participant and of the server,
 * bytes per message, and keystreams against what the machine's AES can do. Participants take turns on one core; every
 * sum is compared with the plain sum of the integers that went in.
 */
const PARAMETERS = 1_000_000;
const MESH_SIZES = [3, 10, 16];
const SERVER_SIZE = 100;
const LARGE_SIZE = 1000;
/** Of a cohort of a thousand that loses a third: 70,000 masks. The keystreams of so many are measured, the rest scaled. */
const LARGE_MAX_MASKS = 1000;
const LARGE_ROUNDS = 2;
/** Distinct masked vectors of the large cohort, more than fit the cache; its thousand would be 2 GB. */
const LARGE_VECTORS = 32;

const options = readOptions({
  only: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  chromium: { type: 'boolean', default: false },
});
if (options.only !== undefined && options.only !== 'mesh' && options.only !== 'server') {
  console.error(`--only: expected mesh or server; received "${options.only}".`);
  process.exit(2);
}
const rounds = integerOption('rounds', options.rounds, 1, 100);
const core = keepToOneCore();
const suite = webSuite(globalThis.crypto);

const cells: (ParticipantCell | RefusedCell)[] = [];
const serverCells: ServerCell[] = [];
const traffics: MeasuredTraffic[] = [];
const keystreams: (KeystreamRate & { readonly where: string })[] = [];

const firstLimitGbps = measureAesLimit(8, processorMs);
for (const [measured, bytes] of [
  [suite, 2 ** 26],
  [nobleSuite(webCryptoRandom(globalThis.crypto)), 2 ** 23],
] as const)
  keystreams.push({ where: 'Node', ...(await measureKeystream(measured, bytes, 5, processorMs)) });
// Before and after: what other work leaves of the machine changes.
const aesLimitGbps = Math.max(firstLimitGbps, measureAesLimit(8, processorMs));
if (options.only !== 'server') await measureMeshes();
if (options.only !== 'mesh') {
  await measureHundred();
  await measureThousand();
}
if (options.only !== 'server' && options.chromium) await measureChromium();

const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`;
console.log(`${machine}; Node ${process.versions.node}; ${core}.`);
console.log(`${PARAMETERS.toLocaleString('en-US')} parameters in a ring of 16 bits.\n`);
console.log('One participant, milliseconds of one core, medians; left: after they dealt their shares.');
console.log(`${reportParticipants(cells)}\n`);
if (serverCells.length > 0)
  console.log(`The server, milliseconds of one core\n${reportServer(serverCells)}\n`);
console.log(
  `Bytes of one participant and round, encoded messages; plain: unmasked, same ring\n${reportTraffic(traffics)}\n`,
);
const detailed = traffics.find(({ topology, size }) => topology === 'mesh' && size === 10) ?? traffics[0];
if (detailed !== undefined)
  console.log(`Message by message, ${detailed.topology} of ${detailed.size}\n${reportMessages(detailed)}\n`);
if (options.only !== 'server')
  console.log(`Bytes sent per peer against additive float shares\n${reportNaive(traffics, PARAMETERS)}\n`);
console.log(`Keystreams, one core\n${reportKeystreams(keystreams, aesLimitGbps)}\n`);
writeJson(options.json, {
  ...{ date: new Date().toISOString(), machine, node: process.versions.node, core, parameters: PARAMETERS },
  ...{ cells, serverCells, traffics, aesLimitGbps, keystreams },
});
const failures = failuresOf(cells, traffics, keystreams, aesLimitGbps);
for (const failure of failures) console.error(failure);
if (options.check && failures.length > 0) process.exitCode = 1;

async function measureMeshes(): Promise<void> {
  progress('mesh');
  const cohorts = await Promise.all(MESH_SIZES.map((size) => makeCohort(size, 'mesh', PARAMETERS)));
  const { cells: measured, whole } = await measureMesh('Node', cohorts, rounds, suite, processorMs);
  cells.push(...measured);
  for (const round of whole) traffics.push(trafficIn(round));
}

async function measureChromium(): Promise<void> {
  progress('mesh, Chromium');
  // With Vite and Playwright in the heap, each garbage collection of what is measured here would take ten times as long.
  const { chromiumHost } = await import('./bench-secagg/chromium.ts');
  const host = await chromiumHost();
  try {
    const { cells: measured, keystream } = await host.measure(MESH_SIZES, PARAMETERS, rounds);
    cells.push(...measured.map((cell) => ({ ...cell, where: host.name })));
    keystreams.push({ where: host.name, ...keystream });
  } finally {
    await host.close();
  }
}

/** All participants are real, and so is the sum. */
async function measureHundred(): Promise<void> {
  const cohort = await makeCohort(SERVER_SIZE, 'server', PARAMETERS);
  const updates = updatesOf(cohort);
  for (const share of DROPS) {
    const left = leavers(SERVER_SIZE, share);
    progress(`server, ${SERVER_SIZE} participants, ${left.size} left`);
    const round = await playRound(cohort, left, suite, (i) => updates[i]!, processorMs);
    cells.push(cellOf('Node', cohort, left.size, [round.timings]));
    if (left.size === 0) traffics.push(trafficIn(round));
    const { parameters, assignment, survivors, masked } = { ...cohort, ...round };
    const inputs = [...masked.values()].map(({ slices }) => slices[0]!);
    const { cost } = await measureServer(
      parameters,
      assignment,
      survivors,
      inputs,
      Infinity,
      suite,
      processorMs,
    );
    serverCells.push({ size: SERVER_SIZE, left: left.size, cost });
  }
}

/** One participant is real; of the others, keys, shares and commitments. */
async function measureThousand(): Promise<void> {
  progress(`server, ${LARGE_SIZE} participants`);
  const cohort = await makeCohort(LARGE_SIZE, 'server', PARAMETERS);
  const { parameters, quantizationBits } = cohort;
  const values = makeUpdate('update 0', PARAMETERS, quantizationBits);
  const large = await dealLargeCohort(cohort, suite);
  const vectors = Array.from({ length: LARGE_VECTORS }, (_, i) => new Uint8Array(2 * PARAMETERS).fill(i));
  for (const share of DROPS) {
    const left = leavers(LARGE_SIZE, share);
    progress(`server, ${LARGE_SIZE} participants, ${left.size} left`);
    const timings: PhaseMs[][] = [];
    let mail: PeerMail | undefined;
    for (let i = 0; i <= LARGE_ROUNDS; i++) {
      const played = await playParticipant(large, left, suite, values, processorMs);
      timings.push([played.timing]);
      mail = played.mail;
    }
    cells.push(cellOf('Node', cohort, left.size, timings));
    if (left.size === 0 && mail !== undefined)
      traffics.push({ topology: 'server', size: LARGE_SIZE, traffic: trafficOf(mail) });
    const survivors = parameters.cohort.filter((_, i) => !left.has(i));
    const reveals = revealsOf(large, left, survivors);
    const assignment = assignmentOf(parameters.cohort, large.adverts, large.shares, reveals);
    const inputs = survivors.map((_, i) => vectors[i % LARGE_VECTORS]!);
    const { cost } = await measureServer(
      ...([parameters, assignment, survivors, inputs, LARGE_MAX_MASKS, suite, processorMs] as const),
    );
    serverCells.push({ size: LARGE_SIZE, left: left.size, cost });
  }
}

/** What the first participant of a round without losses sent and received. */
function trafficIn(round: PlayedRound): MeasuredTraffic {
  const { cohort, adverts, bundles, inboxes, masked, confirmations, reveals, sums } = round;
  const { parameters } = cohort;
  const { adverts: roster, confirmations: confirmed } = nearFirst(round, adverts, confirmations);
  const traffic = trafficOf({
    ...{ parameters, index: 0, advert: adverts[0]!, roster, bundle: bundles[0]!, inbox: inboxes[0]! },
    ...{ slices: masked.get(0)!.slices, confirmation: confirmations[0]!, confirmed },
    ...{ reveal: reveals.get(0)!, sums },
  });
  const topology = parameters.sliceCount > 1 ? 'mesh' : 'server';
  return { topology, size: parameters.cohort.length, traffic };
}

/** In a k-regular graph a participant is told of its neighbours only: those that it dealt shares to. */
function nearFirst(
  { bundles, cohort }: PlayedRound,
  adverts: PlayedRound['adverts'],
  confirmations: PlayedRound['confirmations'],
): { readonly adverts: PlayedRound['adverts']; readonly confirmations: PlayedRound['confirmations'] } {
  const near = new Set([cohort.parameters.cohort[0]!, ...bundles[0]!.boxes.map(({ to }) => to)]);
  return {
    adverts: adverts.filter(({ participant }) => near.has(participant)),
    confirmations: confirmations.filter(({ participant }) => near.has(participant)),
  };
}

/** Of this process, all of its threads: WebCrypto computes in others, and so does the garbage collector. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Threads take turns then instead of working side by side. A browser that is started later inherits it. */
function keepToOneCore(): string {
  const last = cpus().length - 1;
  const { status } = spawnSync('taskset', ['-a', '-c', '-p', String(last), String(process.pid)]);
  return status === 0 ? `all threads on core ${last}` : 'on any core: there is no taskset';
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}
