import { check, MurmurationError } from '../errors/index.ts';
import type { Layout } from '../update/index.ts';
import { type EncodedFederation, type Encoding, encodingWith, type Stages } from './encoding-with.ts';
import { hidesParticipants } from './grid.ts';
import { type Bits, roundingErrorOf } from './lattice.ts';
import { type Sketch, sketchLength } from './sketch.ts';
import { type WireCost, wireCost, wireShapeOf } from './wire-cost.ts';

/** A way to send fewer bytes, what it costs and what it loses. */
export interface Pipeline {
  readonly stages: Stages;
  readonly cost: WireCost;
  /** √(sketch² + rounding²): expected ‖what is read from a sum − the sum‖ / ‖the sum‖ where updates agree. */
  readonly relativeError: number;
  /** √(1 − part of the energy that a sketch keeps): of a kept subset what later rounds have to do. */
  readonly sketchError: number;
  readonly roundingError: number;
}

/** What was chosen, and beside what. */
export interface CompressionPlan {
  readonly budgetBytes: number;
  /** Of a round without compression. */
  readonly plain: WireCost;
  readonly chosen: Pipeline;
  /** The best of each kind, those over the budget included, by error. */
  readonly considered: readonly Pipeline[];
}

const WIDTHS: readonly Bits[] = [8, 12, 16, 24, 32];
const RANKS = [1, 2, 4, 8, 16, 32, 64];
/** Parts that are kept are whole multiples of one over this. */
const STEPS = 1024;
/** Beyond it a sum says less than its rounding. */
const WORST_ERROR = 1;

/**
 * All that follows from stages that a document names, before a round: bytes and expected error. SPEC Z-09.
 * @throws as `encodingWith`.
 */
export function pipelineOf(
  federation: EncodedFederation,
  model: Layout | number,
  stages: Stages | undefined,
): Pipeline {
  const encoding = encodingWith(federation, model, stages);
  const parameters = typeof model === 'number' ? model : model.length;
  const { elements, bits } = sentBy(encoding, parameters);
  const sketch = encoding.kind === undefined ? undefined : encoding.sketch;
  const sketchError = sketch === undefined ? 0 : sketchErrorOf(sketch);
  const roundingError =
    encoding.kind === 'lattice' ? roundingErrorOf(encoding, federation.cohort.groupSize) : 0;
  return {
    stages: stages ?? {},
    cost: wireCost(wireShapeOf(federation, elements, bits)),
    relativeError: Math.sqrt(sketchError ** 2 + roundingError ** 2),
    sketchError,
    roundingError,
  };
}

/** Fixed point is counted at 32 bits, and so at most. */
function sentBy(encoding: Encoding, parameters: number): { elements: number; bits: number } {
  if (encoding.kind === undefined) return { elements: parameters + (encoding.extras ?? 0), bits: 32 };
  return { elements: encoding.dimension, bits: encoding.bits };
}

/** Of an update that favours no coordinate and no direction: what a subset or a random basis leaves out of it. */
function sketchErrorOf(sketch: Sketch): number {
  if (sketch.type !== 'projected') return Math.sqrt(1 - sketchLength(sketch) / sketch.length);
  const lost = sketch.parts.reduce((sum, { length, rows, columns, rank }) => {
    return rank === 0 ? sum : sum + length * (1 - rank / Math.min(rows, columns));
  }, 0);
  return Math.sqrt(lost / sketch.length);
}

let latest: { readonly key: string; readonly plan: CompressionPlan } | undefined;

/**
 * The pipeline of least expected error among those within `strategy.compression.uploadBytes`: whole numbers, sums, products, quotients
 * and square roots of doubles, so that every device chooses the same. SPEC Z-09, Z-10.
 * @throws `compress.no-pipeline` with the arithmetic, where none is.
 */
export function planCompression(federation: EncodedFederation, model: Layout | number): CompressionPlan {
  const key = JSON.stringify([
    federation.strategy,
    federation.cohort,
    federation.privacy,
    federation.paths,
    typeof model === 'number' ? model : model.hash,
  ]);
  if (latest?.key !== key) latest = { key, plan: makePlan(federation, model) };
  return latest.plan;
}

function makePlan(federation: EncodedFederation, model: Layout | number): CompressionPlan {
  const budgetBytes = federation.strategy.compression?.uploadBytes;
  check(budgetBytes !== undefined, 'argument.invalid', 'The federation names no byte budget.');
  const considered = candidates(federation, model, budgetBytes)
    .filter(({ roundingError }) => roundingError <= WORST_ERROR)
    .sort((a, b) => a.relativeError - b.relativeError || a.cost.upBytes - b.cost.upBytes);
  const chosen = considered.find(({ cost }) => cost.upBytes <= budgetBytes);
  if (chosen === undefined) {
    const least = [...considered].sort((a, b) => a.cost.upBytes - b.cost.upBytes)[0];
    check(false, 'compress.no-pipeline', 'No compression fits the byte budget.', {
      path: 'strategy.compression.uploadBytes',
      expected:
        least === undefined
          ? 'a group of which some ring holds a sum'
          : `at least ${least.cost.upBytes} bytes, of which ${least.cost.overheadUpBytes} are keys, shares, headers and copies`,
      received: String(budgetBytes),
      remedy: 'Raise the budget, or lower cohort.groupSize.',
    });
  }
  return { budgetBytes, plain: pipelineOf(federation, model, undefined).cost, chosen, considered };
}

function candidates(federation: EncodedFederation, model: Layout | number, budgetBytes: number): Pipeline[] {
  const widths: readonly (Bits | undefined)[] = hidesParticipants(federation) ? [undefined] : WIDTHS;
  const pipelines: Pipeline[] = [];
  const consider = (stages: Stages): Pipeline | undefined => {
    const pipeline = attempt(federation, model, stages);
    if (pipeline !== undefined) pipelines.push(pipeline);
    return pipeline;
  };
  for (const bits of widths) {
    const within = largestKeep(federation, model, bits, budgetBytes);
    consider({ bits, ...(within === STEPS ? {} : { keep: Math.max(1, within) / STEPS }) });
    if (typeof model === 'number' || bits === undefined) continue;
    for (const rank of RANKS) consider({ bits, rank });
  }
  return pipelines;
}

/** Steps of the largest part that fits; 0 where not even one step does. */
function largestKeep(
  federation: EncodedFederation,
  model: Layout | number,
  bits: Bits | undefined,
  budgetBytes: number,
): number {
  let fitting = 0;
  let over = STEPS + 1;
  while (over - fitting > 1) {
    const middle = (fitting + over) >> 1;
    const pipeline = attempt(federation, model, {
      bits,
      ...(middle === STEPS ? {} : { keep: middle / STEPS }),
    });
    if (pipeline !== undefined && pipeline.cost.upBytes <= budgetBytes) fitting = middle;
    else over = middle;
  }
  return fitting;
}

/** @returns undefined where the ring holds no sum. */
function attempt(
  federation: EncodedFederation,
  model: Layout | number,
  stages: Stages,
): Pipeline | undefined {
  try {
    return pipelineOf(federation, model, stages);
  } catch (thrown) {
    if (thrown instanceof MurmurationError && thrown.code === 'update.overflow') return undefined;
    throw thrown;
  }
}
