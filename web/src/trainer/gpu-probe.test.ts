import { afterEach, describe, expect, it, vi } from 'vitest';
import { softwareWebgl, softwareWebgpu } from './gpu-probe.ts';

const gpuWith = (adapter: object | null) => ({ gpu: { requestAdapter: async () => adapter } });

describe('softwareWebgpu', () => {
  it.each([
    [{}, 'This browser has no WebGPU.'],
    [gpuWith(null), 'There is no WebGPU adapter.'],
    [gpuWith({ isFallbackAdapter: true }), 'The WebGPU adapter runs in software.'],
    [gpuWith({ info: { isFallbackAdapter: true } }), 'The WebGPU adapter runs in software.'],
    [
      gpuWith({ info: { vendor: 'google', architecture: 'swiftshader' } }),
      'The WebGPU adapter runs in software.',
    ],
    [gpuWith({ info: { description: 'llvmpipe (LLVM 15)' } }), 'The WebGPU adapter runs in software.'],
    [gpuWith({ info: { vendor: 'apple', architecture: 'metal-3' } }), undefined],
    [gpuWith({}), undefined],
  ])('%j: %s', async (navigator, reason) => {
    expect(await softwareWebgpu(navigator)).toBe(reason);
  });
});

describe('softwareWebgl', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('needs a canvas in workers', () => {
    vi.stubGlobal('OffscreenCanvas', undefined);
    expect(softwareWebgl()).toBe('This browser has no WebGL in workers.');
  });

  it.each([
    ['ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device))', 'WebGL runs in software.'],
    ['llvmpipe (LLVM 15.0.6, 256 bits)', 'WebGL runs in software.'],
    ['ANGLE (Apple, ANGLE Metal Renderer: Apple M2)', undefined],
  ])('%s: %s', (renderer, reason) => {
    let released = false;
    const UNMASKED_RENDERER_WEBGL = 37_446;
    const context = {
      RENDERER: 7937,
      getExtension: (name: string) =>
        name === 'WEBGL_lose_context'
          ? { loseContext: () => (released = true) }
          : { UNMASKED_RENDERER_WEBGL },
      getParameter: (name: number) => (name === UNMASKED_RENDERER_WEBGL ? renderer : 'WebKit WebGL'),
    };
    vi.stubGlobal(
      'OffscreenCanvas',
      class {
        getContext = () => context;
      },
    );
    expect(softwareWebgl()).toBe(reason);
    expect(released).toBe(true);
  });
});
