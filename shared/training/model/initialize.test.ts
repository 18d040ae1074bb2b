import { bytesToHex } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import type { FederationInput } from '../../federation/index.ts';
import { layoutOf, makeModel } from '../../update/index.ts';
import { federationWith } from '../testing.ts';
import { compileModel } from './compile.ts';
import { initializeWeights } from './initialize.ts';
import type { Initializer } from './layer.ts';

/** Big-endian bits of each float32. */
function bits(weights: Float32Array): string[] {
  return [...weights].map((weight) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, weight);
    return bytesToHex(bytes);
  });
}

describe('initializers', () => {
  it.each<[string, Initializer, string[]]>([
    ['zeros', 'zeros', ['00000000', '00000000', '00000000']],
    ['ones', 'ones', ['3f800000', '3f800000', '3f800000']],
    ['Glorot uniform of fans that make it ±1', { fanIn: 2, fanOut: 4 }, ['be9afad2', '3f1bf0e6', '3e38ca42']],
    ['Glorot uniform with a root', { fanIn: 3, fanOut: 4 }, ['be8f7bbf', '3f105f92', '3e2b1515']],
    ['uniform over ±0.05', { limit: 0.05 }, ['bc77f7b6', '3cf98171', '3c13d502']],
  ])('R-04: %s, bit by bit', (_, initializer, expected) => {
    const layout = layoutOf([{ name: 'kernel', shape: [3] }]);
    expect(bits(initializeWeights(layout, [initializer], 'golden'))).toEqual(expected);
  });

  const image: FederationInput['data'] = {
    kind: 'image',
    width: 8,
    height: 8,
    channels: 3,
    labels: ['a', 'b'],
  };
  const tokens: FederationInput['data'] = {
    kind: 'tokens',
    length: 6,
    vocabulary: 9,
    target: { type: 'next' },
  };
  it.each<[string, FederationInput['data'], FederationInput['model']['layers'], string]>([
    [
      'convolutions and norms',
      image,
      [
        { type: 'conv2d', filters: 4, kernelSize: 3 },
        { type: 'depthwiseConv2d', kernelSize: 3, multiplier: 2 },
        { type: 'groupNorm', groups: 2 },
        { type: 'separableConv2d', filters: 5, kernelSize: 2 },
        { type: 'batchNorm' },
        { type: 'globalAveragePool' },
        { type: 'layerNorm' },
        { type: 'dense', units: 2 },
      ],
      '691a77978fca088f3327d37c2e469e6ee18401449925561bb0d590f6dfe74e40',
    ],
    [
      'a transformer',
      tokens,
      [
        { type: 'embedding', vocabulary: 9, units: 4, name: 'words' },
        { type: 'positionalEncoding', kind: 'learned' },
        { type: 'residual', layers: [{ type: 'layerNorm' }, { type: 'attention', heads: 2, causal: true }] },
        { type: 'unembedding', of: 'words' },
      ],
      '22386dd89874c31ec2f164b0b6110baa554658d1fd7821bcd78a3e0f1d59ea94',
    ],
  ])('R-04: the weights of %s hash alike on every device', (_, data, layers, hash) => {
    const { layout, initialWeights } = compileModel(federationWith(layers, data));
    expect(makeModel(0, layout, initialWeights()).hash).toBe(hash);
  });
});
