/** Everything that the module exports. */
export { add16, add32, subtract16, subtract32 } from './add';
export { toeplitz16, toeplitz32 } from './toeplitz';
