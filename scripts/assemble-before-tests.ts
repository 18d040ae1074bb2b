export { assembleKernels as setup } from './assemble-kernels.ts';
