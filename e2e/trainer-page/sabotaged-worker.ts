import '../../web/src/trainer/worker.ts';
import { backend, getBackend } from '@tensorflow/tfjs-core';

interface Webgl {
  readonly gpgpu: { readonly gl: WebGL2RenderingContext };
}
interface Webgpu {
  readonly device: { destroy(): void };
}

/** The trainer's worker, with what a driver or a bug could do to it. */
new BroadcastChannel('sabotage').onmessage = ({ data }: MessageEvent<'lose' | 'crash'>) => {
  if (data === 'crash') {
    setTimeout(() => {
      throw new Error('sabotage');
    });
  } else if (getBackend() === 'webgl')
    (backend() as unknown as Webgl).gpgpu.gl.getExtension('WEBGL_lose_context')!.loseContext();
  else if (getBackend() === 'webgpu') (backend() as unknown as Webgpu).device.destroy();
};
