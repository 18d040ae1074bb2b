import { check } from '../errors/index.ts';
import { type LocalUpdate, type Masking, type SparseUpdate, staged } from '../update/index.ts';
import { largestCoordinates } from './largest.ts';

/**
 * What is left of an update once only its largest coordinates are sent, and what is kept for the next one (Stich, Cordonnier and
 * Jaggi 2018, "Sparsified SGD with Memory", algorithm 1). Which they are differs from participant to participant: what
 * comes out can be sent plainly, and does not go where something is masked. SPEC Z-13.
 * @param residual of the rounds before; left out, nothing.
 * @param count coordinates that are sent.
 * @throws `update.wrong-length` for a residual of another model.
 */
export function keepLargest(
  update: LocalUpdate,
  residual: Float32Array | undefined,
  count: number,
): { readonly update: SparseUpdate; readonly residual: Float32Array<ArrayBuffer> } {
  const { length } = update.delta;
  check(
    residual === undefined || residual.length === length,
    'update.wrong-length',
    'What was not sent before is of another model.',
    { expected: String(length), received: String(residual?.length) },
  );
  const left = update.delta.slice();
  if (residual !== undefined) for (let i = 0; i < length; i++) left[i]! += residual[i]!;
  const delta = new Float32Array(length);
  for (const i of largestCoordinates(left, Math.min(count, length))) {
    delta[i] = left[i]!;
    left[i] = 0;
  }
  return { update: staged<SparseUpdate>({ ...update, delta }), residual: left };
}

/**
 * The one way from a sparse update to what is clipped and sent: for those who can say that nothing is masked, which a federation with secure
 * aggregation does not compile to.
 */
export function sendPlainly(update: SparseUpdate, _masking: Extract<Masking, 'none'>): LocalUpdate {
  const { layoutHash, delta, examples, recordNoise, extras } = update;
  return {
    layoutHash,
    delta,
    examples,
    ...(recordNoise === undefined ? {} : { recordNoise }),
    ...(extras === undefined ? {} : { extras }),
  };
}
