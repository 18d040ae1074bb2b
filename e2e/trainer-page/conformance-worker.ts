import { getKernel, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { conformanceFault, PROBES } from '../../shared/training/index.ts';
import type { BackendName } from '../../web/src/trainer/api.ts';
import { backendCandidates } from '../../web/src/trainer/backends.ts';

/** Runs the whole self-test on one backend, by the page's own way of starting it. */
export interface ConformanceTask {
  readonly backend: BackendName;
  /** Put one kernel in the place of another first. */
  readonly replace?: { readonly kernel: string; readonly by: string };
}

self.onmessage = async ({ data }: MessageEvent<ConformanceTask>) => {
  try {
    self.postMessage(await faults(data));
  } catch (error) {
    self.postMessage([`It failed: ${error}`]);
  }
};

async function faults({ backend, replace }: ConformanceTask): Promise<string[]> {
  const { signal } = new AbortController();
  const activation = await backendCandidates(backend)[0]!.activate(signal);
  if (!activation.ready) return [activation.reason];
  if (replace !== undefined) {
    const [wrong, right] = [getKernel(replace.by, backend)!, getKernel(replace.kernel, backend)!];
    unregisterKernel(replace.kernel, backend);
    registerKernel({ ...right, kernelFunc: wrong.kernelFunc });
  }
  const found: string[] = [];
  for (const probe of PROBES) {
    const fault = await conformanceFault([probe], signal);
    if (fault !== undefined) found.push(fault);
  }
  return found;
}
