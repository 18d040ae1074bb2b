/** Everything that the module exports. One file per family of kernels. */
export { peakMulAdd } from './peak';
