/**
 * Tells a real graphics adapter from one in software without loading a backend: software adapters take seconds
 * for a first step and always lose to WASM.
 */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|lavapipe|software|basic render/i;

/** The part of WebGPU that the probe reads; not every TypeScript DOM library has it. */
interface GpuAdapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
}
interface GpuNavigator {
  readonly gpu?: { requestAdapter(): Promise<GpuAdapter | null> };
}

/** @returns why WebGPU is not worth trying; undefined when there is a real adapter. */
export async function softwareWebgpu(
  { gpu } = navigator as unknown as GpuNavigator,
): Promise<string | undefined> {
  if (gpu === undefined) return 'This browser has no WebGPU.';
  const adapter = await gpu.requestAdapter();
  if (adapter === null) return 'There is no WebGPU adapter.';
  const { info } = adapter;
  const name = [info?.vendor, info?.architecture, info?.device, info?.description].join(' ');
  return adapter.isFallbackAdapter || info?.isFallbackAdapter || SOFTWARE.test(name)
    ? 'The WebGPU adapter runs in software.'
    : undefined;
}

/** @returns why WebGL is not worth trying; undefined when there is a real renderer. */
export function softwareWebgl(): string | undefined {
  if (typeof OffscreenCanvas === 'undefined') return 'This browser has no WebGL in workers.';
  const context = new OffscreenCanvas(1, 1).getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (context === null) return 'There is no accelerated WebGL 2.';
  const names = context.getExtension('WEBGL_debug_renderer_info');
  const renderer = String(context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return SOFTWARE.test(renderer) ? 'WebGL runs in software.' : undefined;
}
