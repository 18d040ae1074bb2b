import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from './canonical-json.ts';
import type { Federation } from './document.ts';
import { type Inspected, inspectedBy } from './inspected.ts';

/** The part of a federation that decides what leaves a device, and who may look at it: what a person agrees to. */
export interface Terms extends Pick<Federation, 'privacy' | 'paths' | 'evaluation'> {
  readonly federation: string;
  readonly minParticipants: number;
  readonly clipNorm: number;
  readonly inspected: Inspected;
  /** `device`: participants are asked how fast they are. */
  readonly selection: 'device' | 'other';
  /** It decides what goes with an update. */
  readonly strategy: Federation['strategy']['type'];
}

export function policyTerms(federation: Federation): Terms {
  const { id, privacy, paths, evaluation, cohort, strategy } = federation;
  return {
    federation: id,
    privacy,
    paths,
    evaluation,
    minParticipants: cohort.minParticipants,
    clipNorm: strategy.clipNorm,
    inspected: inspectedBy(federation),
    selection: strategy.selection?.by === 'resources' ? 'device' : 'other',
    strategy: strategy.type,
  };
}

/**
 * Names the terms of a federation. A change of the document that no term depends on, such as of its title or the learning rate, leaves it
 * as it is. SPEC V-07.
 * @returns hex SHA-256 of a first line and the canonical JSON of the terms.
 */
export function policyHash(federation: Federation): string {
  return bytesToHex(sha256(utf8ToBytes(`murmuration terms 1\n${canonicalJson(policyTerms(federation))}`)));
}
