import { type Tensor, type Tensor1D, tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Federation, LayerSpec } from '../../federation/index.ts';
import { modelSchema } from '../../federation/index.ts';
import { type SeededRandom, seededRandom } from '../../random/index.ts';
import { useBackend } from '../testing.ts';
import { type CompiledModel, compileModel } from './compile.ts';
import type { ParameterGradient } from './parameter-gradient.ts';
import { type CaseData, caseData, REFERENCE_CASES, skippedAhead } from './reference/cases.ts';
import { relativeDifference } from './reference/compare.ts';
import { referenceLosses } from './reference/loss.ts';
import { referenceForward } from './reference/model.ts';
import type { Values } from './reference/values.ts';

const EXAMPLES = 3;
const WEIGHTS = [0.5, 0, 1.5];
/** Of the reference, in float64: its error is about STEP² where the third derivative is about 1. */
const STEP = 1e-5;
const SEED = 'gradients';

const cases = Object.keys(REFERENCE_CASES);
const prepared = new Map<string, Prepared>();

type Named<T> = ReadonlyMap<string, T>;

interface Prepared {
  readonly compiled: CompiledModel;
  readonly data: CaseData;
  /** Outside training. */
  readonly outputs: readonly number[];
  readonly losses: readonly number[];
  readonly statistics: Named<readonly number[]>;
  /** How often a pass in training draws for each example. */
  readonly drawsPerExample: number;
  /** By the names of the layout, of those that are trained. */
  readonly gradients: Named<readonly number[]>;
}

describe('the reference cases', () => {
  const layers = Object.values(REFERENCE_CASES).flatMap(({ model }) => withInner(model.layers));

  it('have every layer of the schema', () => {
    const types = allowed(z.toJSONSchema(modelSchema, { io: 'input' }), 'type').sort();
    expect(types.length).toBeGreaterThan(15);
    expect([...new Set(layers.map(({ type }) => type))].sort()).toEqual(types);
  });

  it('have every activation of the schema', () => {
    const activations = layers.flatMap((layer) => ('activation' in layer ? [layer.activation] : []));
    const schema = z.toJSONSchema(modelSchema, { io: 'input' });
    expect([...new Set(activations)].sort()).toEqual(allowed(schema, 'activation').sort());
  });

  it('have every loss of the schema', () => {
    const losses = Object.values(REFERENCE_CASES).map(({ model }) => model.loss);
    expect([...new Set(losses)].sort()).toEqual([...modelSchema.shape.loss.options].sort());
  });
});

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(cases)('the forward pass and the loss of %s equal the reference', (name) => {
    const expected = prepare(name);
    const result = run(expected);
    expect(relativeDifference(result.losses, expected.losses)).toBeLessThan(1e-5);
    expect(relativeDifference(result.outputs, expected.outputs)).toBeLessThan(1e-5);
    expect([...result.statistics.keys()]).toEqual([...expected.statistics.keys()]);
    for (const [key, values] of expected.statistics) {
      expect(relativeDifference(result.statistics.get(key)!, values), key).toBeLessThan(1e-5);
    }
  });

  it.each(cases)('the gradients of %s equal finite differences of the reference', (name) => {
    const expected = prepare(name);
    const { gradients } = expected;
    const { sums } = run(expected);
    expect([...sums.keys()]).toEqual([...gradients.keys()]);
    const largest = Math.max(...[...gradients.values()].flat().map(Math.abs));
    expect(largest).toBeGreaterThan(0.05);
    for (const [key, values] of gradients) {
      // Some gradients are zero, such as that of an attention's key bias: rounding is all there is to them.
      expect(relativeDifference(sums.get(key)!, values, 0.01 * largest), key).toBeLessThan(1e-4);
    }
  });

  it.each(cases)('each example has its part in the gradients of %s', (name) => {
    const { sums, weightedSums, squaredNorms, perExample } = run(prepare(name));
    const largest = Math.max(...[...sums.values()].flat().map(Math.abs));
    for (const [key, rows] of perExample) {
      const column = (weights: readonly number[]) =>
        rows[0]!.map((_, k) => rows.reduce((total, row, i) => total + weights[i]! * row[k]!, 0));
      const least = 0.01 * largest;
      expect(relativeDifference(sums.get(key)!, column([1, 1, 1]), least), key).toBeLessThan(1e-5);
      expect(relativeDifference(weightedSums.get(key)!, column(WEIGHTS), least), key).toBeLessThan(1e-5);
      const norms = rows.map((row) => row.reduce((total, value) => total + value ** 2, 0));
      expect(relativeDifference(squaredNorms.get(key)!, norms, least ** 2), key).toBeLessThan(1e-5);
    }
  });

  const separable = cases.filter((name) => !mixesExamples(REFERENCE_CASES[name]!));
  it.each(separable)('the part of each example in %s is the gradient of that example alone', (name) => {
    const prepared = prepare(name);
    const { sums, perExample } = run(prepared);
    const largest = Math.max(...[...sums.values()].flat().map(Math.abs));
    for (let example = 0; example < EXAMPLES; example++) {
      const alone = run(prepared, example).sums;
      for (const [key, rows] of perExample) {
        expect(relativeDifference(rows[example]!, alone.get(key)!, 0.01 * largest), key).toBeLessThan(1e-5);
      }
    }
  });
});

interface Result {
  /** Outside training. */
  readonly outputs: readonly number[];
  readonly losses: readonly number[];
  readonly statistics: Named<readonly number[]>;
  readonly sums: Named<readonly number[]>;
  readonly weightedSums: Named<readonly number[]>;
  readonly squaredNorms: Named<readonly number[]>;
  readonly perExample: Named<readonly (readonly number[])[]>;
}

/** Everything that our model says about the examples of a case, or about one of them by itself. */
function run(prepared: Prepared, only?: number): Result {
  let result: Result | undefined;
  tidy(() => {
    result = evaluate(prepared, only);
  });
  return result!;
}

function evaluate({ compiled, data, drawsPerExample }: Prepared, only: number | undefined): Result {
  const { inputSize, targetsPerExample, inputShape, inputKind } = compiled;
  const [first, last] = only === undefined ? [0, EXAMPLES] : [only, only + 1];
  const names = compiled.layout.parameters.map(({ name }) => name);
  const parameters = names.map((name) => toTensor(data.weights.get(name)!, 'float32'));
  const inputs = tensor(
    data.inputs.data.slice(first * inputSize, last * inputSize),
    [last - first, ...inputShape],
    inputKind === 'numbers' ? 'float32' : 'int32',
  );
  const targets = tensor1d(
    data.targets.slice(first * targetsPerExample, last * targetsPerExample),
    compiled.target === 'class' ? 'int32' : 'float32',
  );
  const random = skippedAhead(seededRandom(SEED), first * drawsPerExample);
  const pass = compiled.pass(parameters, inputs, targets, { training: true, random });
  const results = pass.gradients().map((result, i) => ({ name: names[i]!, result }));
  const each = <T>(read: (gradient: ParameterGradient) => T): Map<string, T> =>
    new Map(results.flatMap(({ name, result }) => ('next' in result ? [] : [[name, read(result)] as const])));
  const weights: Tensor1D = tensor1d(WEIGHTS.slice(first, last));
  return {
    outputs: numbers(compiled.forward(parameters, inputs)),
    losses: numbers(pass.losses),
    statistics: new Map(
      results.flatMap(({ name, result }) =>
        'next' in result ? [[name, numbers(result.next)] as const] : [],
      ),
    ),
    sums: each((gradient) => numbers(gradient.sum())),
    weightedSums: each((gradient) => numbers(gradient.sum(weights))),
    squaredNorms: each((gradient) => numbers(gradient.squaredNorms())),
    perExample: each((gradient) => rowsOf(gradient.perExample())),
  };
}

/** The reference's own answers, computed once for all backends. */
function prepare(name: string): Prepared {
  const known = prepared.get(name);
  if (known !== undefined) return known;
  const { data: schema, model } = REFERENCE_CASES[name]!;
  const compiled = compileModel({ data: schema, model });
  const data = caseData(compiled, EXAMPLES);
  const forward = (weights: Named<Values>, training: boolean) => {
    const random = counted(seededRandom(SEED));
    const { outputs, statistics } = referenceForward(model.layers, data.inputs, {
      weights,
      training,
      random,
    });
    return {
      outputs,
      statistics,
      draws: random.draws,
      losses: referenceLosses(model, outputs, data.targets),
    };
  };
  const lossWith = (parameter: string, index: number, change: number) => {
    const { shape, data: before } = data.weights.get(parameter)!;
    const changed = { shape, data: before.with(index, before[index]! + change) };
    const { losses } = forward(new Map(data.weights).set(parameter, changed), true);
    return losses.reduce((total, loss) => total + loss, 0) / compiled.targetsPerExample;
  };
  const gradients = compiled.layout.parameters
    .filter((_, i) => compiled.trainable[i])
    .map(({ name: parameter, length }): [string, number[]] => [
      parameter,
      Array.from(
        { length },
        (_, i) => (lossWith(parameter, i, STEP) - lossWith(parameter, i, -STEP)) / (2 * STEP),
      ),
    ]);
  const { losses, statistics, draws } = forward(data.weights, true);
  const result: Prepared = {
    compiled,
    data,
    drawsPerExample: draws() / EXAMPLES,
    outputs: forward(data.weights, false).outputs.data,
    losses,
    statistics,
    gradients: new Map(gradients),
  };
  prepared.set(name, result);
  return result;
}

/** Counts what is drawn. */
function counted(random: SeededRandom): SeededRandom & { draws(): number } {
  let draws = 0;
  return {
    ...random,
    uniform: () => {
      draws++;
      return random.uniform();
    },
    draws: () => draws,
  };
}

function mixesExamples({ model }: Federation): boolean {
  return withInner(model.layers).some(({ type }) => type === 'batchNorm');
}

function withInner(layers: readonly LayerSpec[]): LayerSpec[] {
  return layers.flatMap((layer) =>
    layer.type === 'residual' ? [layer, ...withInner(layer.layers), ...withInner(layer.shortcut)] : [layer],
  );
}

/** Every value that a JSON schema allows for properties of this name, in the objects that it describes. */
function allowed(schema: unknown, property: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties } = schema as { properties?: Record<string, { const?: string; enum?: string[] }> };
  const own = properties?.[property];
  const values = own?.enum ?? (own?.const === undefined ? [] : [own.const]);
  const inner = Object.values(schema).flatMap((value) => allowed(value, property));
  return [...new Set([...values, ...inner])];
}

function toTensor({ data, shape }: Values, dtype: 'float32' | 'int32'): Tensor {
  return tensor([...data], [...shape], dtype);
}

function numbers(values: Tensor): number[] {
  return [...values.dataSync()];
}

function rowsOf(values: Tensor): number[][] {
  const width = values.size / values.shape[0]!;
  const all = numbers(values);
  return Array.from({ length: values.shape[0]! }, (_, i) => all.slice(i * width, (i + 1) * width));
}
