import type { ParticipantId } from '../../shared/identity/index.ts';
import type { HubServer } from '../hub/index.ts';
import type { MetricSources } from './metrics.ts';

export interface Traffic extends Pick<MetricSources, 'bytes' | 'connections'> {
  /** For the hub, which says what it carries. */
  readonly onCarried: (path: 'relay' | 'server', bytes: number) => void;
  /** Counts who is connected to this process. @returns an end to it. */
  watch(hub: Pick<HubServer, 'subscribe'>): () => void;
}

/** What goes through this process. */
export function createTraffic(): Traffic {
  const bytes = { relay: 0, server: 0 };
  const here = new Set<string>();
  const nameOf = (federation: string, { peer }: { readonly peer: ParticipantId }) => `${federation}/${peer}`;
  return {
    onCarried(path, more) {
      bytes[path] += more;
    },
    bytes: () => ({ ...bytes }),
    connections: () => here.size,
    watch: (hub) =>
      hub.subscribe((event) => {
        if (event.type === 'arrived' && event.remote !== true)
          here.add(nameOf(event.federation, event.presence));
        // One that moved to another replica arrives there.
        else if (event.type === 'departed' || event.type === 'arrived')
          here.delete(nameOf(event.federation, event.presence));
      }),
  };
}
