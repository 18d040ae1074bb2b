import { describe, expect, test } from 'vitest';
import { strategyOf, sumSlices } from '../aggregate/index.ts';
import { strategyFederation, vectorLayout } from '../aggregate/strategies/testing.ts';
import { encodingOf } from '../compress/index.ts';
import type { FederationInput } from '../federation/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import { seededRandom } from '../random/index.ts';
import { memoryStore } from '../testing/memory-store.ts';
import { fakeCryptoRandom } from '../testing/session-world.ts';
import { type Model, makeModel } from '../update/index.ts';
import { workLocally } from './local-work.ts';
import { protectUpdate } from './pipeline.ts';
import type { Trainer } from './ports.ts';
import { createRoundMemory } from './round-memory.ts';

/** A participant whose loss is curvature/2 · (x − optimum)². */
interface Client {
  readonly curvature: number;
  readonly optimum: number;
  readonly steps: number;
}

const layout = vectorLayout(1);
const RATE = 0.1;

/** Plain gradient steps, as the trainer takes them. */
function trainerOf({ curvature, optimum, steps }: Client, rate: number): Pick<Trainer, 'train'> {
  return {
    async train({ base, control, measuresBase }) {
      let y = base.weights[0]!;
      for (let step = 0; step < steps; step++) y -= rate * (curvature * (y - optimum) + (control?.[0] ?? 0));
      const delta = Float32Array.of(y - base.weights[0]!);
      const baseLoss = (curvature / 2) * (base.weights[0]! - optimum) ** 2;
      return {
        update: { layoutHash: layout.hash, delta, examples: 1 },
        loss: 0,
        steps,
        ...(measuresBase ? { baseLoss } : {}),
      };
    },
  };
}

/** Rounds as the engine has them, from local work to the next model, without messages. */
function federationOf(input: FederationInput['strategy'], clients: readonly Client[], rate = RATE) {
  const federation = strategyFederation(input, {
    training: { optimizer: { type: 'sgd', learningRate: rate } },
    cohort: { groupSize: Math.max(2, clients.length) },
  });
  const strategy = strategyOf(federation, layout);
  const encoding = encodingOf(federation, layout);
  const random = fakeCryptoRandom(seededRandom('unused'));
  const noise = { addSkellam: () => undefined };
  const names = clients.map((_, i) => `client-${i}` as ParticipantId);
  const memories = names.map((self) =>
    createRoundMemory({ store: memoryStore(), run: 'run', dataset: self, self, onFault: () => undefined }),
  );
  const signal = new AbortController().signal;

  async function round(base: Model, cohort = clients.map((_, i) => i)): Promise<Model> {
    const sent = [];
    for (const i of cohort) {
      const job = { base, seed: 'seed', signal };
      const trainer = trainerOf(clients[i]!, rate);
      const { update } = await workLocally({ strategy, federation, trainer, job, memory: memories[i]! });
      const facts = { baseHash: base.hash, invited: cohort.length, random, noise };
      sent.push(protectUpdate(update, federation, encoding, facts).update);
    }
    const survivors = cohort.map((i) => names[i]!);
    for (const memory of memories) memory.settle({ round: base.version + 1, baseHash: base.hash, survivors });
    return strategy.apply(base, sumSlices(sent), layout, encoding);
  }

  return {
    round,
    async after(rounds: number, cohortOf?: (round: number) => number[]): Promise<Model> {
      let model = makeModel(0, layout, Float32Array.of(0));
      for (let i = 0; i < rounds; i++) model = await round(model, cohortOf?.(i));
      return model;
    },
  };
}

const MEAN = { type: 'fedavg', weighting: 'uniform', clipNorm: 1 } as const;
const scaffold = (population: number) =>
  ({ type: 'scaffold', weighting: 'uniform', clipNorm: 1, population }) as const;

describe('SCAFFOLD against clients that drift apart', () => {
  // Curvatures 1 and 5 around 0 and 1: the mean loss is least at 5/6. Ten local steps of 0.1 go 1 − 0.9^10 and 1 − 0.5^10 of the way.
  const clients: readonly Client[] = [
    { curvature: 1, optimum: 0, steps: 10 },
    { curvature: 5, optimum: 1, steps: 10 },
  ];

  test('FedAvg ends where its clients’ pulls are equal, at 0.605, and not at 5/6', async () => {
    const [slow, fast] = [1 - 0.9 ** 10, 1 - 0.5 ** 10];
    expect(fast / (slow + fast)).toBeCloseTo(0.605, 3);
    const { weights } = await federationOf(MEAN, clients).after(60);
    expect(weights[0]).toBeCloseTo(fast / (slow + fast), 4);
  });

  test('Y-20 Y-21 Y-22: SCAFFOLD ends at 5/6, and its variate is the mean of the gradients there', async () => {
    const { weights, state } = await federationOf(scaffold(2), clients).after(60);
    expect(weights[0]).toBeCloseTo(5 / 6, 3);
    // The gradients at 5/6 are 5/6 and −5/6.
    expect(state![0]).toBeCloseTo(0, 3);
  });

  test('Y-22: with a part of four clients in each round it ends there as well', async () => {
    const four = [...clients, ...clients];
    const { weights } = await federationOf(scaffold(4), four).after(200, (i) => [i % 4, (i + 1) % 4]);
    expect(weights[0]).toBeCloseTo(5 / 6, 2);
  });

  test('Y-20 Y-21 Y-22: two rounds by hand', async () => {
    // One step of 0.1 from 0 with gradients 0 and −1: y = 0 and 0.1; the variates become the gradients, their mean −0.5.
    const { round } = federationOf(
      scaffold(2),
      clients.map((client) => ({ ...client, curvature: 1, steps: 1 })),
    );
    const first = await round(makeModel(0, layout, Float32Array.of(0)));
    expect([first.weights[0], first.state![0]]).toEqual([expect.closeTo(0.05, 6), expect.closeTo(-0.5, 6)]);
    // Gradients at 0.05 are 0.05 and −0.95; corrected by c − cᵢ, −0.5 and 0.5, both are −0.45.
    const second = await round(first);
    expect([second.weights[0], second.state![0]]).toEqual([
      expect.closeTo(0.095, 6),
      expect.closeTo(-0.45, 6),
    ]);
  });

  test('Y-21: a change of a variate longer than its norm is scaled down, here and for everyone', async () => {
    const strategy = { ...scaffold(2), controlClipNorm: 0.25 };
    const { round } = federationOf(
      strategy,
      clients.map((client) => ({ ...client, curvature: 1, steps: 1 })),
    );
    const first = await round(makeModel(0, layout, Float32Array.of(0)));
    // The changes are 0 and −1, of which −0.25 is left.
    expect(first.state![0]).toBeCloseTo(-0.125, 6);
    const second = await round(first);
    // Corrected by −0.125 and −0.125 + 0.25: gradients −0.075 and −0.825.
    expect(second.weights[0]).toBeCloseTo(0.05 + 0.1 * 0.45, 6);
  });

  test('Y-22: of a population of four two clients move c by half of their mean', async () => {
    const { round } = federationOf(
      scaffold(4),
      clients.map((client) => ({ ...client, curvature: 1, steps: 1 })),
    );
    const { state } = await round(makeModel(0, layout, Float32Array.of(0)));
    expect(state![0]).toBeCloseTo(-0.25, 6);
  });
});

describe('FedNova against clients of unequal steps', () => {
  const clients: readonly Client[] = [
    { curvature: 1, optimum: 0, steps: 1 },
    { curvature: 1, optimum: 1, steps: 9 },
  ];
  const NOVA = { type: 'fednova', weighting: 'uniform', clipNorm: 1, maxSteps: 10 } as const;

  test('FedAvg is pulled to who takes more steps: 0.9 of the way for small rates', async () => {
    const { weights } = await federationOf(MEAN, clients, 0.01).after(400);
    const far = 1 - 0.99 ** 9;
    expect(weights[0]).toBeCloseTo(far / (far + 0.01), 3);
    expect(weights[0]).toBeGreaterThan(0.89);
  });

  test('Y-30 Y-32: FedNova ends in the middle, but for the curve of its steps', async () => {
    const { weights } = await federationOf(NOVA, clients, 0.01).after(400);
    const far = (1 - 0.99 ** 9) / 9;
    expect(weights[0]).toBeCloseTo(far / (far + 0.01), 3);
    expect(weights[0]).toBeCloseTo(0.5, 1);
  });

  test('Y-30 Y-32: one round by hand', async () => {
    // From 0 with a rate of 0.1: Δ = 0 in 1 step and 0.3439 in 4; the mean of Δ/τ is 0.04299, that of τ 2.5.
    const four = clients.map((client, i) => ({ ...client, steps: [1, 4][i]! }));
    const { weights } = await federationOf(NOVA, four).after(1);
    expect(weights[0]).toBeCloseTo((2.5 * 0.3439) / 4 / 2, 6);
  });

  test('Y-32: with equal steps it is FedAvg', async () => {
    const equal = clients.map((client) => ({ ...client, steps: 5 }));
    const [nova, mean] = [
      await federationOf(NOVA, equal).after(20),
      await federationOf(MEAN, equal).after(20),
    ];
    expect(nova.weights[0]).toBeCloseTo(mean.weights[0]!, 5);
  });

  test('Y-31: more steps than allowed are refused by name', async () => {
    const busy = clients.map((client) => ({ ...client, steps: 11 }));
    await expect(federationOf(NOVA, busy).after(1)).rejects.toMatchObject({
      code: 'training.too-many-steps',
      facts: { path: 'strategy.maxSteps', received: '11' },
    });
  });
});

describe('q-FedAvg', () => {
  const clients: readonly Client[] = [
    { curvature: 1, optimum: 0, steps: 1 },
    { curvature: 1, optimum: 1, steps: 1 },
    { curvature: 1, optimum: 0, steps: 1 },
  ];
  const fair = (q: number) =>
    ({ type: 'qfedavg', weighting: 'uniform', clipNorm: 1, q, maxLoss: 1 }) as const;

  test('Y-41: with q = 0 it is FedAvg with uniform weights', async () => {
    const [none, mean] = [
      await federationOf(fair(0), clients).after(30),
      await federationOf(MEAN, clients).after(30),
    ];
    expect(none.weights[0]).toBeCloseTo(mean.weights[0]!, 6);
    expect(mean.weights[0]).toBeCloseTo(1 / 3, 1);
  });

  test('Y-40 Y-41: one round by hand', async () => {
    // From 0.5, all losses 1/8; L = 10, u = −0.05, 0.05, −0.05. q = 1: Σ F u = −0.00625, Σ (F + L u²) = 3 · (0.125 + 0.025).
    const { round } = federationOf(fair(1), clients);
    const { weights } = await round(makeModel(0, layout, Float32Array.of(0.5)));
    expect(weights[0]).toBeCloseTo(0.5 - 0.00625 / 0.45, 5);
  });

  test('the larger q, the more even the losses: from a third towards the middle', async () => {
    const ends = [];
    for (const q of [0, 1, 5]) ends.push((await federationOf(fair(q), clients).after(300)).weights[0]!);
    expect(ends[0]).toBeCloseTo(1 / 3, 2);
    // Where 2 x · x² = (1 − x) · (1 − x)²: x = 1 / (1 + ∛2).
    expect(ends[1]).toBeCloseTo(1 / (1 + Math.cbrt(2)), 2);
    expect(ends[2]).toBeGreaterThan(ends[1]!);
    expect(ends[2]).toBeLessThan(0.5);
  });
});
