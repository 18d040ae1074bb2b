import { FOUR_BLOCKS_BYTES, fourBlocks } from './chacha';
import { cosOfEighth, exponentFromRootHalf, logOfReduced, scaledBy, sinOfEighth } from './elementary';
import { mulAdd } from './simd';

const KEY_BYTES: usize = 32;
/** Numbers from four blocks: eight groups of eight. */
const NUMBERS: i32 = 64;
/** Counters of the blocks that hold the lower words of small radii. */
const LOWER_WORDS: i32 = 0x80000000;
/** Radii of 31 bits below this are small. */
const SMALL: i32 = 0x10000;

/** Bytes of {@link addGaussian}'s `state`: the key, and room to work in. Both have to be wiped afterwards. */
export function gaussianStateBytes(): i32 {
  return <i32>(KEY_BYTES + 2 * FOUR_BLOCKS_BYTES + 32);
}

/**
 * target[i] += deviation·(a standard normal number), made of the keystream that {@link fourBlocks} describes. Of each
 * four blocks, words 0 to 7 are radii and words 8 to 15 are angles: word w of the four blocks and word w + 8 make
 * numbers 8w to 8w + 7, cosines before sines. ../../ops/gaussian.ts says it in plain words.
 * @param state a key of 32 bytes, and after it room up to {@link gaussianStateBytes}.
 */
export function addGaussian(target: usize, n: i32, deviation: f32, state: usize, nonce: i32): void {
  const deviation4 = f32x4.splat(deviation);
  const words = state + KEY_BYTES;
  const lower = words + FOUR_BLOCKS_BYTES;
  const rest = lower + FOUR_BLOCKS_BYTES;
  let counter = 0;
  for (let start = 0; start < n; start += NUMBERS) {
    fourBlocks(state, counter, nonce, words);
    let hasLower = false;
    const end = words + (min(<usize>(n - start + 7) >> 3, 8) << 4);
    let left = n - start;
    for (let at = words; at < end; at += 16) {
      const high = i32x4.shr_u(v128.load(at), 1);
      let t = mulAdd(f32x4.convert_i32x4_s(flipped(high)), f32x4.splat(PER_HIGH), f32x4.splat(PER_HIGH / 2));
      const small = i32x4.lt_s(high, i32x4.splat(SMALL));
      if (v128.any_true(small)) {
        if (!hasLower) fourBlocks(state, counter ^ LOWER_WORDS, nonce, lower);
        hasLower = true;
        t = v128.bitselect(withLower(high, v128.load(at - words + lower)), t, small);
      }
      const radius = f32x4.mul(radiusOf(high, t), deviation4);
      if (left >= 8) {
        addBlock(radius, v128.load(at, 128), target);
        target += 32;
        left -= 8;
      } else {
        v128.store(rest, f32x4.splat(0));
        v128.store(rest, f32x4.splat(0), 16);
        addBlock(radius, v128.load(at, 128), rest);
        for (let i = 0; i < left; i++) {
          store<f32>(target, load<f32>(target) + load<f32>(rest + (<usize>i << 2)));
          target += 4;
        }
      }
    }
    counter += 4;
  }
}

/** 2⁻³¹: what one unit of a radius of 31 bits is worth. */
const PER_HIGH: f32 = 4.656612873077393e-10;
/** √½ of them: from here on the logarithm is taken of 1 − (1 − u). */
const NEAR_ONE: i32 = 0x5a82799a;

/** The distance to the nearer end, 0 or 2³¹ − 1. */
@inline
function flipped(high: v128): v128 {
  return v128.xor(high, i32x4.shr_u(i32x4.ge_s(high, i32x4.splat(NEAR_ONE)), 1));
}

/** (h·2³² + l + ½)·2⁻⁶³ */
@inline
function withLower(high: v128, lower: v128): v128 {
  const low = mulAdd(
    f32x4.convert_i32x4_u(lower),
    f32x4.splat(1.0842021724855044e-19),
    f32x4.splat(5.421010862427522e-20),
  );
  return mulAdd(f32x4.convert_i32x4_s(high), f32x4.splat(PER_HIGH), low);
}

/**
 * √(−2 ln u) (Box and Muller 1958), with u = (h + ½)·2⁻³¹ or for small h with 32 bits more: never 0 or 1, and down
 * to 2⁻⁶⁴, which is 9.4 standard deviations out. Near one, t is 1 − u, since u itself, rounded, would spoil small
 * radii.
 */
@inline
function radiusOf(high: v128, t: v128): v128 {
  const nearOne = i32x4.ge_s(high, i32x4.splat(NEAR_ONE));
  const exponent = v128.andnot(exponentFromRootHalf(t), nearOne);
  const f = v128.bitselect(f32x4.neg(t), f32x4.sub(scaledBy(t, exponent), f32x4.splat(1)), nearOne);
  const logarithm = logOfReduced(f, f32x4.convert_i32x4_s(exponent));
  return f32x4.sqrt(f32x4.mul(logarithm, f32x4.splat(-2)));
}

/** to[0..7] += four radii by the cosines of four angles, and by their sines. An angle of 2³² is a whole turn. */
@inline
function addBlock(radius: v128, angle: v128, to: usize): void {
  // The nearest quarter turn is taken off in integers, exactly; what is left lies in [−π/4, π/4).
  const turned = i32x4.add(angle, i32x4.splat(0x20000000));
  const steps = i32x4.sub(v128.and(turned, i32x4.splat(0x3fffffff)), i32x4.splat(0x20000000));
  const rest = f32x4.mul(f32x4.convert_i32x4_s(steps), f32x4.splat(1.4629180792671596e-9));
  const sine = sinOfEighth(rest);
  const cosine = cosOfEighth(rest);
  const doubled = i32x4.shl(turned, 1);
  const odd = i32x4.shr_s(doubled, 31);
  const signBit = i32x4.splat(0x80000000);
  // The cosine is negative in quarters 1 and 2, where the two bits of the quarter differ; the sine in 2 and 3.
  const x = v128.xor(v128.bitselect(sine, cosine, odd), v128.and(v128.xor(turned, doubled), signBit));
  const y = v128.xor(v128.bitselect(cosine, sine, odd), v128.and(turned, signBit));
  v128.store(to, mulAdd(radius, x, v128.load(to)));
  v128.store(to, mulAdd(radius, y, v128.load(to, 16)), 16);
}
