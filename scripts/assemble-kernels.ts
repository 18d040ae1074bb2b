import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import asc from 'assemblyscript/asc';

/** A folder whose assembly/index.ts becomes binary.generated.ts beside it. */
interface Library {
  readonly folder: string;
  /** Other libraries' folders that its sources import from. */
  readonly uses?: readonly string[];
  /** Instruction sets by the name of the binary for them. */
  readonly binaries: Readonly<Record<string, readonly string[]>>;
}

const SIMD = ['simd', 'bulk-memory', 'sign-extension', 'nontrapping-f2i', 'mutable-globals'];
const shared = resolve(import.meta.dirname, '../shared');
const privacy = join(shared, 'privacy/native');
const LIBRARIES: readonly Library[] = [
  {
    folder: join(shared, 'training/native'),
    uses: [privacy],
    binaries: { simd: SIMD, relaxedSimd: [...SIMD, 'relaxed-simd'] },
  },
  { folder: join(shared, 'secagg/native'), binaries: { simd: SIMD } },
  { folder: privacy, binaries: { simd: SIMD } },
  { folder: join(shared, 'aggregate/native'), binaries: { simd: SIMD } },
];

/**
 * Assembles the WebAssembly kernels of shared/ into TypeScript modules: a module travels into every bundle and into Node
 * alike, where a file of its own would need another loader in each. Leaves alone what is newer than its sources.
 */
export async function assembleKernels(): Promise<void> {
  for (const library of LIBRARIES) await assembleLibrary(library);
}

async function assembleLibrary({ folder, uses = [], binaries }: Library): Promise<void> {
  const assembly = join(folder, 'assembly');
  const output = join(folder, 'binary.generated.ts');
  const fingerprint = fingerprintOfSources([folder, ...uses]);
  if (existsSync(output) && readFileSync(output, 'utf8').includes(fingerprint)) return;
  const lines = [`// Assembled from the sources in assembly/, of fingerprint ${fingerprint}.`];
  for (const [name, features] of Object.entries(binaries)) {
    const binary = await assemble(assembly, features);
    lines.push(`export const ${name} =\n  '${Buffer.from(binary).toString('base64')}';`);
  }
  writeFileSync(output, `${lines.join('\n')}\n`);
}

async function assemble(assembly: string, features: readonly string[]): Promise<Uint8Array> {
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
      // The first bytes of a heap belong to whoever made it: no module has data of its own to lay there.
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
      `The kernels in ${assembly} do not assemble: ${error?.message ?? 'nothing was written'}\n${stderr.toString()}`,
    );
  }
  return binary;
}

/** Of the sources and of this script: either may change what is assembled. */
function fingerprintOfSources(folders: readonly string[]): string {
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
  for (const folder of folders) {
    const assembly = join(folder, 'assembly');
    for (const name of readdirSync(assembly).sort())
      hash.update(name).update(readFileSync(join(assembly, name)));
  }
  return hash.digest('hex');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await assembleKernels();
