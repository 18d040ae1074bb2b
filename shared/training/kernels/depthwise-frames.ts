import type { NativeKernels } from '../native/exports.ts';
import { paddedTo8 } from './conv2d-convolve.ts';
import { type Block, copyIntoFrames, type Frames, type Framing, frameLayout } from './conv2d-frames.ts';

/**
 * Which channels of an array a depthwise kernel sees: channel j, of `count`, is channel ⌊j · times / over⌋ + shift of
 * the array. A multiplier m repeats the channels of x (over = m); the gradient of x takes every m-th of dy (times = m).
 */
export interface ChannelMap {
  readonly channels: number;
  readonly times: number;
  readonly over: number;
  readonly shift: number;
  readonly count: number;
}

/** Each channel `multiplier` times in a row. */
export function repeated(channels: number, multiplier: number): ChannelMap {
  return { channels, times: 1, over: multiplier, shift: 0, count: channels * multiplier };
}

/** Channels shift, shift + multiplier, … of channels · multiplier. */
export function everyNth(channels: number, multiplier: number, shift: number): ChannelMap {
  return { channels: channels * multiplier, times: multiplier, over: 1, shift, count: channels };
}

/** Whether the array has just these channels, and as many as vectors want. */
export function isPlain({ channels, times, over }: ChannelMap): boolean {
  return times === over && channels === paddedTo8(channels);
}

/**
 * Copies a block into frames whose pixels have the channels of the map, zeros up to a multiple of eight.
 * @param framing of images that have that many channels; their pointer is to the array with channels of its own.
 */
export function copyChannelsIntoFrames(
  framing: Framing,
  block: Block,
  map: ChannelMap,
  to: number,
  native: NativeKernels,
): Frames {
  if (isPlain(map)) return copyIntoFrames(framing, block, to, native);
  const { pointer, height, width, channels: padded } = framing.source;
  const { firstRow, firstColumn, columns, rows, pitch, margin } = frameLayout(framing, block);
  native.frameChannels(
    pointer + block.firstImage * height * width * map.channels * 4,
    block.images,
    height,
    width,
    map.channels,
    firstRow,
    firstColumn,
    columns,
    map.times,
    map.over,
    map.shift,
    map.count,
    padded,
    to,
    rows * pitch,
    pitch,
    rows,
    margin,
  );
  return { pointer: to, bytesPerImage: rows * pitch, pitch };
}
