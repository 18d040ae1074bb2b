import { FOUR_BLOCKS_BYTES, fourBlocks } from './chacha';
import { exponentialOfMinus } from './exponential';

/** Values from four blocks of 16 words: one word each. */
const VALUES: i32 = 64;
const LAST_STRIP: u32 = 2047;
const PLACES_MASK: u32 = 0xfffff;
/** Stands for a value that is left to JavaScript: no value is so small. */
const LEFT: i32 = i32.MIN_VALUE;
const RELATIVE_SLACK: f64 = 1.4551915228366852e-11; // 2⁻³⁶
const ABSOLUTE_SLACK: f64 = 8.881784197001252e-16; // 2⁻⁵⁰
/** Sums below it are integers of 32 bits, with any noise that is accepted at once. */
const PLAIN_STEPS: f32 = 1073741824.0; // 2³⁰
/** From here on float32 has no such grid. Where it has none of one over it, sums are infinite or none, and so large. */
const MOST_PLAIN_GRID: f64 = 1.7014118346046923e38; // 2¹²⁷
const UNIT: f64 = 2.220446049250313e-16; // 2⁻⁵²

/**
 * Offsets in the state: a key of 32 bytes, words of the main stream, words of the other stream and how many of them are used, a word
 * that is left and its second one, the grid and one over it in four lanes.
 */
const WORDS: usize = 64;
const MORE: usize = WORDS + FOUR_BLOCKS_BYTES;
const MORE_USED: usize = MORE + FOUR_BLOCKS_BYTES;
const MORE_COUNTER: usize = MORE_USED + 4;
const EXTRA: usize = MORE_USED + 8;
const GRID: usize = MORE_USED + 16;
const PER_GRID: usize = MORE_USED + 32;

/**
 * target[i] = grid·(target[i] / grid, rounded to the nearest integer, + noise), as ../../mechanisms/on-grid.ts says in plain words.
 * @param target float32. @param strips of each its start, width and squeeze, and 4 bytes unused.
 * @param halfPrecision 1/2σ² in steps of the grid. @param share words of a value at 0, over 2²⁰.
 * @param state see above. Words of the second stream, of the next nonce, go on from call to call.
 * @param left room for three words a value: index, random word, and a second one where that was drawn.
 * @returns how many values are left to JavaScript, and as they were.
 */
export function addOnGrid(
  target: usize,
  count: i32,
  grid: f64,
  perGrid: f64,
  strips: usize,
  halfPrecision: f64,
  share: f64,
  state: usize,
  counter: i32,
  nonce: i32,
  left: usize,
): i32 {
  const first = left;
  const words = state + WORDS;
  // In memory: V8 would convert them anew for every four values.
  v128.store(state, f32x4.splat(<f32>grid), GRID);
  v128.store(state, f32x4.splat(<f32>perGrid), PER_GRID);
  const plainSteps: f32 = grid < MOST_PLAIN_GRID ? PLAIN_STEPS : 0;
  for (let start = 0; start < count; start += VALUES) {
    fourBlocks(state, counter, nonce, words);
    counter += 4;
    const end = min(VALUES, count - start);
    let i = 0;
    for (; i + 4 <= end; i += 4) {
      // Where each of four words has its strip.
      const word4 = v128.load(words + (<usize>i << 2));
      const strip4 = v128.and(i32x4.shr_u(word4, 16), i32x4.splat(<i32>LAST_STRIP << 4));
      const strip0 = v128.load(strips + <usize>i32x4.extract_lane(strip4, 0));
      const strip1 = v128.load(strips + <usize>i32x4.extract_lane(strip4, 1));
      const strip2 = v128.load(strips + <usize>i32x4.extract_lane(strip4, 2));
      const strip3 = v128.load(strips + <usize>i32x4.extract_lane(strip4, 3));
      // Four strips of three numbers become three numbers of four strips.
      const low01 = v128.shuffle<i32>(strip0, strip1, 0, 4, 1, 5);
      const low23 = v128.shuffle<i32>(strip2, strip3, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(strip0, strip1, 2, 6, 3, 7);
      const high23 = v128.shuffle<i32>(strip2, strip3, 2, 6, 3, 7);
      const starts = v128.shuffle<i64>(low01, low23, 0, 2);
      const widths = v128.shuffle<i64>(low01, low23, 1, 3);
      const squeezes = v128.shuffle<i64>(high01, high23, 0, 2);
      const places = v128.and(word4, i32x4.splat(<i32>PLACES_MASK));
      const products01 = i64x2.extmul_low_i32x4_u(places, widths);
      const products23 = i64x2.extmul_high_i32x4_u(places, widths);
      const rests = v128.shuffle<i32>(products01, products23, 0, 2, 4, 6);
      const isAccepted = i32x4.lt_s(v128.and(rests, i32x4.splat(<i32>PLACES_MASK)), squeezes);
      // In float32, which has all the bits of such values: a product with a power of two is exact.
      const scaled = f32x4.mul(v128.load(target), v128.load(state, PER_GRID));
      const isPlain = f32x4.lt(f32x4.abs(scaled), f32x4.splat(plainSteps));
      if (!i32x4.all_true(v128.and(isAccepted, isPlain))) {
        left = addEach(4, start + i, words + (<usize>i << 2), target, grid, perGrid, strips, halfPrecision, share, state, nonce, left);
        target += 16;
        continue;
      }
      const offsets = v128.shuffle<i32>(i64x2.shr_u(products01, 20), i64x2.shr_u(products23, 20), 0, 2, 4, 6);
      const noise = v128.xor(i32x4.add(starts, offsets), i32x4.shr_s(word4, 31));
      const steps = i32x4.add(i32x4.trunc_sat_f32x4_s(f32x4.nearest(scaled)), noise);
      v128.store(target, f32x4.mul(f32x4.convert_i32x4_s(steps), v128.load(state, GRID)));
      target += 16;
    }
    if (i < end) {
      left = addEach(end - i, start + i, words + (<usize>i << 2), target, grid, perGrid, strips, halfPrecision, share, state, nonce, left);
      target += <usize>(end - i) << 2;
    }
  }
  return <i32>(left - first) / 12;
}

/** As {@link addOnGrid}, one after another. @param first index of the first value. @returns the end of what is left. */
function addEach(
  count: i32,
  first: i32,
  words: usize,
  target: usize,
  grid: f64,
  perGrid: f64,
  strips: usize,
  halfPrecision: f64,
  share: f64,
  state: usize,
  nonce: i32,
  left: usize,
): usize {
  for (let i = 0; i < count; i++) {
    const noise = settle(load<u32>(words), strips, halfPrecision, share, state, nonce);
    if (noise == LEFT) {
      store<i32>(left, first + i);
      store<u32>(left, load<u32>(state, EXTRA + 4), 4);
      store<u32>(left, load<u32>(state, EXTRA), 8);
      left += 12;
    } else {
      store<f32>(target, <f32>((nearest<f64>(<f64>load<f32>(target) * perGrid) + <f64>noise) * grid));
    }
    words += 4;
    target += 4;
  }
  return left;
}

/** The noise of a word, or of further ones while it is rejected; {@link LEFT}, and the word in the state, where JavaScript has to decide. */
function settle(word: u32, strips: usize, halfPrecision: f64, share: f64, state: usize, nonce: i32): i32 {
  store<u32>(state, word, EXTRA + 4);
  let index = (word >> 20) & LAST_STRIP;
  while (index != LAST_STRIP) {
    const strip = strips + (<usize>index << 4);
    const width = load<u32>(strip, 4);
    const product = <u64>(word & PLACES_MASK) * <u64>width;
    const value = (load<i32>(strip) + <i32>(product >> 20)) ^ (<i32>word >> 31);
    const rest = <u32>product & PLACES_MASK;
    if (rest < load<u32>(strip, 8)) return value;
    const extra = nextWord(state, nonce);
    const low = (<f64>(rest / width) * 4294967296.0 + <f64>extra) * UNIT;
    const x = <f64>value;
    const accepted = exponentialOfMinus(x * x * halfPrecision) * share;
    const margin = accepted * RELATIVE_SLACK + ABSOLUTE_SLACK;
    if (low + UNIT + margin < accepted) return value;
    if (!(low > accepted + margin)) {
      store<u32>(state, extra, EXTRA);
      break;
    }
    word = nextWord(state, nonce);
    index = (word >> 20) & LAST_STRIP;
    store<u32>(state, word, EXTRA + 4);
  }
  return LEFT;
}

function nextWord(state: usize, nonce: i32): u32 {
  let used = load<i32>(state, MORE_USED);
  if (used == VALUES) {
    const counter = load<i32>(state, MORE_COUNTER);
    fourBlocks(state, counter, nonce + 1, state + MORE);
    store<i32>(state, counter + 4, MORE_COUNTER);
    used = 0;
  }
  store<i32>(state, used + 1, MORE_USED);
  return load<u32>(state + MORE + (<usize>used << 2));
}
