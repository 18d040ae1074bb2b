import { version_core } from '@tensorflow/tfjs-core';
import { webglRenderer, webgpuAdapter } from './gpu-probe.ts';

/**
 * Everything that decides how well backends do, in one text: it is compared, not read. The address of this worker's
 * script holds a hash of all its code, our kernels included, in a built page.
 */
export async function environmentName(): Promise<string> {
  const { userAgent } = navigator;
  return JSON.stringify({
    userAgent,
    tfjs: version_core,
    script: self.location.pathname,
    webgl: webglRenderer(),
    webgpu: (await webgpuAdapter())?.name,
  });
}
