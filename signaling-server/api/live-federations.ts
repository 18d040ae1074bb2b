import { MurmurationError } from '../../shared/errors/index.ts';
import type { RoundUnderWay } from './round-service.ts';

/** What only the live parts of a server know of federations. */
export interface LiveFederations {
  /** Participants that are connected. */
  countPeers(federation: string): number;
  countAllPeers(): number;
  /** What this server's coordinator is at. */
  underWay(federation: string): RoundUnderWay | undefined;
  /** Makes an earlier version the newest. @throws `http.conflict`. */
  rollBack(
    federation: string,
    to: { readonly version: number; readonly hash: string },
    signal: AbortSignal,
  ): Promise<void>;
}

const NOBODY: LiveFederations = {
  countPeers: () => 0,
  countAllPeers: () => 0,
  underWay: () => undefined,
  rollBack: () =>
    Promise.reject(
      new MurmurationError('http.conflict', 'This server coordinates no round of this federation.', {
        remedy: 'Try again when participants are connected.',
      }),
    ),
};

export interface LateFederations extends LiveFederations {
  /** The live parts come after the routes that ask them. */
  bind(live: LiveFederations): void;
}

export function lateFederations(): LateFederations {
  let live = NOBODY;
  return {
    bind(bound) {
      live = bound;
    },
    countPeers: (federation) => live.countPeers(federation),
    countAllPeers: () => live.countAllPeers(),
    underWay: (federation) => live.underWay(federation),
    rollBack: (federation, to, signal) => live.rollBack(federation, to, signal),
  };
}
