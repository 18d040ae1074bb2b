import { onesLike, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Activation } from '../../federation/index.ts';
import { useBackend } from '../testing.ts';
import { activate } from './activation.ts';
import { REFERENCE_ACTIVATIONS } from './reference/activation.ts';

/** Both sides of every bend, and far out, where powers of e overflow in float32. */
const INPUTS = [-100, -20, -6.5, -3, -1, -0.25, 0.25, 1, 3, 5.5, 6.5, 20, 100];
const STEP = 1e-4;
const names = Object.keys(REFERENCE_ACTIVATIONS) as Activation[];

describe.each(['cpu', 'wasm'] as const)('activations on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(names)('%s is as defined, and so is its slope', (name) => {
    const define = REFERENCE_ACTIVATIONS[name];
    const [outputs, slopes] = tidy(() => {
      const inputs = tensor1d(INPUTS);
      const activated = activate(name, inputs);
      return [activated.outputs.dataSync(), activated.backward(onesLike(inputs)).dataSync()];
    });
    INPUTS.forEach((input, i) => {
      const expected = define(input);
      const slope = (define(input + STEP) - define(input - STEP)) / (2 * STEP);
      expect(Math.abs(outputs[i]! - expected), `${name}(${input})`).toBeLessThan(
        2e-6 * Math.max(1, Math.abs(expected)),
      );
      expect(Math.abs(slopes[i]! - slope), `slope of ${name}(${input})`).toBeLessThan(2e-6);
    });
  });
});
