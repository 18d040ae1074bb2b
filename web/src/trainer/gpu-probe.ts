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

/** The WebGPU adapter of this device: undefined without WebGPU, null without an adapter. */
export async function webgpuAdapter(
  { gpu } = navigator as unknown as GpuNavigator,
): Promise<{ readonly name: string; readonly software: boolean } | null | undefined> {
  if (gpu === undefined) return undefined;
  const adapter = await gpu.requestAdapter();
  if (adapter === null) return null;
  const { info } = adapter;
  const name = [info?.vendor, info?.architecture, info?.device, info?.description].join(' ').trim();
  const fallback = adapter.isFallbackAdapter === true || info?.isFallbackAdapter === true;
  return { name, software: fallback || SOFTWARE.test(name) };
}

/** @returns why WebGPU is not worth trying; undefined when there is a real adapter. */
export async function softwareWebgpu(
  host = navigator as unknown as GpuNavigator,
): Promise<string | undefined> {
  const adapter = await webgpuAdapter(host);
  if (adapter === undefined) return 'This browser has no WebGPU.';
  if (adapter === null) return 'There is no WebGPU adapter.';
  return adapter.software ? 'The WebGPU adapter runs in software.' : undefined;
}

/** What draws for WebGL here; undefined without accelerated WebGL 2 in workers. */
export function webglRenderer(): string | undefined {
  if (typeof OffscreenCanvas === 'undefined') return undefined;
  const context = new OffscreenCanvas(1, 1).getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (context === null) return undefined;
  const names = context.getExtension('WEBGL_debug_renderer_info');
  const renderer = String(context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return renderer;
}

/** @returns why WebGL is not worth trying; undefined when there is a real renderer. */
export function softwareWebgl(): string | undefined {
  if (typeof OffscreenCanvas === 'undefined') return 'This browser has no WebGL in workers.';
  const renderer = webglRenderer();
  if (renderer === undefined) return 'There is no accelerated WebGL 2.';
  return SOFTWARE.test(renderer) ? 'WebGL runs in software.' : undefined;
}
