const BACKENDS: Readonly<Record<string, string>> = {
  webgpu: 'GPU (WebGPU)',
  webgl: 'GPU (WebGL)',
  wasm: 'Processor (WebAssembly)',
  cpu: 'Processor (JavaScript)',
};

/** The name of a backend for a person. */
export function backendWords(backend: string): string {
  return BACKENDS[backend] ?? backend;
}
