/** The part of WebGPU that is read here; not every TypeScript DOM library has it. */
interface GpuNavigator {
  readonly gpu?: {
    requestAdapter(): Promise<{
      readonly info?: { readonly [part in 'vendor' | 'architecture' | 'device' | 'description']?: string };
    } | null>;
  };
}

const SOFTWARE = /swiftshader|llvmpipe|softpipe|lavapipe|software|basic render/i;

/** What the backend computes on, marked where it is no graphics hardware. */
export async function adapterName(backend: string): Promise<string> {
  const name = backend === 'webgpu' ? await webgpuName() : backend === 'webgl' ? webglName() : 'JavaScript';
  return SOFTWARE.test(name) ? `software: ${name}` : name;
}

async function webgpuName(): Promise<string> {
  const adapter = await (navigator as unknown as GpuNavigator).gpu?.requestAdapter();
  const { vendor, architecture, device, description } = adapter?.info ?? {};
  const parts = [vendor, architecture, device, description].filter(
    (part) => part !== undefined && part !== '',
  );
  return parts.join(' ') || 'unnamed adapter';
}

function webglName(): string {
  const context = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (context === null) return 'no WebGL 2';
  const names = context.getExtension('WEBGL_debug_renderer_info');
  const name = String(context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return name;
}
