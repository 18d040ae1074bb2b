import type { Federation } from '../federation/index.ts';
import type { Trainer, TrainJob, TrainResult } from '../session/index.ts';
import type { VirtualClock } from '../testing/virtual-clock.ts';
import type { Layout, Model } from '../update/index.ts';
import { type Attack, forge, isOmniscient } from './attackers.ts';
import { createBlackboard } from './blackboard.ts';
import type { Device, Population } from './population.ts';
import type { PopulationCompute } from './simulate-population.ts';
import type { UpdateTally } from './update-sizes.ts';
import type { VirtualWork } from './virtual-work.ts';

/** What training on a simulated device needs. */
export interface DeviceContext {
  readonly federation: Federation;
  readonly layout: Layout;
  readonly initial: Model;
  readonly seed: string;
  readonly population: Population;
  readonly attack: Attack | undefined;
  readonly compute: PopulationCompute;
  readonly clock: VirtualClock;
  readonly work: VirtualWork;
  readonly updates: UpdateTally;
  /** Those who train now. */
  readonly round: () => readonly Device[];
  /** A device loaded the model that it trains from. */
  readonly onLoad: (bytes: number) => void;
}

/**
 * Devices train for real, in as much simulated time as their speed and their line make of it; some vanish on the way, some lie.
 * @returns what makes the trainer of a device, given what makes it vanish.
 */
export function createDeviceTrainers(
  context: DeviceContext,
): (device: Device, vanish: () => void) => Trainer {
  const { federation, layout, attack, population, compute, clock, work } = context;
  const blackboard = attack !== undefined && isOmniscient(attack) ? createBlackboard() : undefined;
  const modelBytes = layout.length * Float32Array.BYTES_PER_ELEMENT;

  async function lieAbout(
    result: TrainResult,
    { base, signal }: TrainJob,
    attack: Attack,
    { client }: Device,
  ): Promise<TrainResult> {
    // A moment later, so that the clock waits for what the honest are still computing.
    const honest =
      blackboard === undefined ? [] : await work.start(0, signal, () => blackboard.read(base.hash));
    const round = context.round();
    const delta = forge(attack, {
      own: result.update.delta,
      honest,
      invited: round.length,
      liars: round.filter(({ lies }) => lies).length,
      seed: `${context.seed}/attack ${client} ${base.version}`,
    });
    return { ...result, update: { ...result.update, delta } };
  }

  return (device, vanish) => {
    const { client, lies, rates } = device;
    return {
      layout,
      initialModel: async () => context.initial,
      async train(job) {
        const loadMs = modelBytes / rates.downBytesPerMs;
        const computeMs = (1000 * device.examples * federation.training.epochs) / device.examplesPerSecond;
        const spentMs = loadMs + computeMs;
        context.onLoad(modelBytes);
        const part = population.vanishesAt(client, job.base.version + 1);
        if (part !== undefined) {
          const afterMs = part * (spentMs + modelBytes / rates.upBytesPerMs);
          clock.after(afterMs, vanish);
          if (afterMs <= spentMs) return neverDone(job.signal);
        }
        const honest = await work.start(spentMs, job.signal, () => {
          const computed = compute.train(client, job, lies && attack?.type === 'label-flip');
          if (!lies) blackboard?.write(job.base.hash, computed);
          return computed;
        });
        const result = lies && attack !== undefined ? await lieAbout(honest, job, attack, device) : honest;
        context.updates.note(result, job.base);
        return result;
      },
      evaluate: () => Promise.resolve({ total: 0, correct: 0, lossSum: 0 }),
    };
  };
}

/** What a device that vanishes before it is done is computing: nobody computes it. */
function neverDone(signal: TrainJob['signal']): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
