import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import asc from 'assemblyscript/asc';

/**
 * Assembles the WebAssembly kernels of shared/training/native into a TypeScript module, once per instruction set:
 * a module travels into every bundle and into Node alike, where a file of its own would need another loader in each.
 */
const folder = resolve(import.meta.dirname, '../shared/training/native');
const assembly = join(folder, 'assembly');
const output = join(folder, 'binary.generated.ts');

const COMMON = ['simd', 'bulk-memory', 'sign-extension', 'nontrapping-f2i', 'mutable-globals'];
const INSTRUCTION_SETS = { simd: COMMON, relaxedSimd: [...COMMON, 'relaxed-simd'] } as const;

/** Does nothing when the sources have not changed since the last time. */
export async function assembleKernels(): Promise<void> {
  const fingerprint = fingerprintOfSources();
  if (existsSync(output) && readFileSync(output, 'utf8').includes(fingerprint)) return;
  const lines = [`// Assembled from the sources in assembly/, of fingerprint ${fingerprint}.`];
  for (const [name, features] of Object.entries(INSTRUCTION_SETS)) {
    lines.push(`export const ${name} =\n  '${Buffer.from(await assemble(features)).toString('base64')}';`);
  }
  writeFileSync(output, `${lines.join('\n')}\n`);
}

async function assemble(features: readonly string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      'index.ts',
      '--outFile',
      'kernels.wasm',
      '--optimizeLevel',
      '3',
      '--runtime',
      'stub',
      '--noAssert',
      '--importMemory',
      // The first bytes of the heap belong to tfjs's module: ours has no data of its own to lay there.
      '--memoryBase',
      '0',
      '--use',
      'abort=',
      ...features.flatMap((feature) => ['--enable', feature]),
    ],
    {
      readFile: (name, base) => {
        const path = resolve(assembly, base, name);
        return existsSync(path) ? readFileSync(path, 'utf8') : null;
      },
      writeFile: (name, contents) => {
        if (name === 'kernels.wasm') binary = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) {
    throw new Error(
      `The kernels do not assemble: ${error?.message ?? 'nothing was written'}\n${stderr.toString()}`,
    );
  }
  return binary;
}

/** Of the sources and of this script: either may change what is assembled. */
function fingerprintOfSources(): string {
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
  for (const name of readdirSync(assembly).sort())
    hash.update(name).update(readFileSync(join(assembly, name)));
  return hash.digest('hex');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await assembleKernels();
