import type { LayerParameter } from './layer.ts';

/** What a normalization layer ends in, gamma·x + beta: one of each per channel. */
export function scaleAndShift(channels: number): LayerParameter[] {
  return [
    { name: 'gamma', shape: [channels], initializer: 'ones' },
    { name: 'beta', shape: [channels], initializer: 'zeros' },
  ];
}
