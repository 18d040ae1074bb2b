import { check } from '../errors/index.ts';
import type { CompressionSpec, Federation } from './document.ts';

/**
 * What compression asks of the rest of a federation. SPEC F-21 to F-23.
 * @throws `federation.invalid`, naming the field that does not go with it.
 */
export function checkCompression({ strategy, privacy, training }: Federation): void {
  const { compression } = strategy;
  if (compression === undefined) return;
  const { uploadBytes, keep, rank, topK, entropyCoding } = compression;
  // SPEC F-21
  const isPlain = privacy.secureAggregation === 'none' && privacy.participant === undefined;
  refuseUnless(
    isPlain || topK === undefined,
    'Which coordinates are the largest differs from participant to participant, and masks and noise are on all of them.',
    'topK',
    'none with secure aggregation or participant-level noise; strategy.compression.keep goes with both',
  );
  refuseUnless(
    isPlain || !entropyCoding,
    'What is masked or noised has as much information as bits.',
    'entropyCoding',
    'false with secure aggregation or participant-level noise',
  );
  // SPEC F-22
  refuseUnless(
    uploadBytes === undefined || stagesOf(compression).length === 0,
    'A byte budget chooses the stages by itself.',
    'uploadBytes',
    `none with ${stagesOf(compression).join(', ')}`,
  );
  refuseUnless(
    uploadBytes !== undefined || entropyCoding || stagesOf(compression).length > 0,
    'Nothing says how updates are compressed.',
    '',
    'uploadBytes, or some of keep, rank, bits, topK, entropyCoding',
  );
  const sketches = [keep, rank, topK].filter((sketch) => sketch !== undefined);
  refuseUnless(
    sketches.length <= 1,
    'One way to leave something out goes on top of no other.',
    keep === undefined ? 'topK' : 'keep',
    'one of keep, rank and topK',
  );
  refuseUnless(
    strategy.quantizationBits === undefined,
    'There are two widths for one integer.',
    'bits',
    'no strategy.quantizationBits beside compression',
  );
  refuseUnless(
    strategy.type !== 'scaffold',
    'Control variates are as long as updates, and follow none of the norms that updates do.',
    '',
    'none with strategy.type "scaffold"',
  );
  refuseUnless(
    strategy.type !== 'fednova' ||
      training.proximal === 0 ||
      (keep === undefined && uploadBytes === undefined),
    'With a proximal term fednova counts steps by their length, which differs for coordinates that are kept.',
    keep === undefined ? 'uploadBytes' : 'keep',
    'nothing with strategy.type "fednova" and training.proximal',
  );
  // SPEC F-23
  refuseUnless(
    privacy.participant === undefined || [rank, compression.bits].every((stage) => stage === undefined),
    'Beside noise that hides participants the ring follows from the noise, and a projection has another sensitivity.',
    rank === undefined ? 'bits' : 'rank',
    'keep or uploadBytes alone with privacy.participant',
  );
  refuseUnless(
    privacy.participant?.mechanism !== 'tree',
    'Noise of a tree cancels from round to round only while all rounds are over the same coordinates.',
    '',
    'none with privacy.participant.mechanism "tree"',
  );
}

/** Stages that are named. */
function stagesOf({ keep, rank, bits, topK }: CompressionSpec): string[] {
  return Object.entries({ keep, rank, bits, topK }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
}

function refuseUnless(condition: boolean, summary: string, field: string, expected: string): void {
  check(condition, 'federation.invalid', summary, {
    path: field === '' ? 'strategy.compression' : `strategy.compression.${field}`,
    expected,
  });
}
