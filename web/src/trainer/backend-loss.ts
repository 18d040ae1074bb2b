import { backend } from '@tensorflow/tfjs-core';

/** What is read of tfjs's GPU backends; their own classes would pull the packages in. */
interface WebglBackend {
  readonly gpgpu: { readonly gl: { readonly canvas: EventTarget } };
}
interface WebgpuBackend {
  readonly device: EventTarget & { readonly lost: Promise<{ readonly message: string }> };
}

/** How the current backend came to its end, in words. */
export interface BackendLoss {
  readonly reason: string;
  /** The driver was reset or the device slept, rather than something going wrong with the work. */
  readonly transient: boolean;
}

/**
 * Watches the current backend. A GPU that is lost throws nothing: results become zeros, or never come.
 * @returns a promise that settles only if it is lost.
 */
export function backendLoss(name: string): Promise<BackendLoss> {
  return new Promise((resolve) => {
    if (name === 'webgl') {
      (backend() as unknown as WebglBackend).gpgpu.gl.canvas.addEventListener('webglcontextlost', () =>
        resolve({ reason: 'The browser took the graphics context away.', transient: true }),
      );
    }
    if (name === 'webgpu') {
      const { device } = backend() as unknown as WebgpuBackend;
      void device.lost.then(({ message }) =>
        resolve({ reason: `The graphics device was lost. ${message}`.trim(), transient: true }),
      );
      // Out of memory, or work that is not valid: what was to be computed is missing from then on.
      device.addEventListener('uncapturederror', (event) => {
        const { error } = event as Event & { readonly error?: { readonly message: string } };
        resolve({ reason: `The graphics device failed. ${error?.message ?? ''}`.trim(), transient: false });
      });
    }
  });
}
