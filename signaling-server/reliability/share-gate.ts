import { randomBytes } from 'node:crypto';
import { isParticipantId, type ParticipantId } from '../../shared/identity/index.ts';
import type { Bus } from '../replicas/bus.ts';
import type { Gate } from './gate.ts';

const CHANNEL = 'standings';
/** That wait for the bus; whoever is beyond is looked at when it comes again. */
const MAX_UNSAID = 10_000;

/**
 * An operator may change the standing of a participant on any replica: whichever leads a federation that it is in looks at it anew. What the
 * database says counts, so that hearing of it twice, or late, does no harm. SPEC X-04.
 * @param local of this process.
 */
export function shareGate(local: Gate, bus: Bus): Gate & { close(): void } {
  const replica = randomBytes(8).toString('hex');
  const listeners = new Set<(participant: ParticipantId) => void>();
  const unsaid = new Set<ParticipantId>();
  const tell = (participant: ParticipantId): void => {
    for (const listener of [...listeners]) listener(participant);
  };
  const say = (participant: ParticipantId): void =>
    bus.publish(CHANNEL, Buffer.from(`${replica} ${participant}`));
  const endings = [
    local.subscribe((participant) => {
      tell(participant);
      if (bus.up) say(participant);
      else if (unsaid.size < MAX_UNSAID) unsaid.add(participant);
    }),
    bus.subscribe(CHANNEL, (bytes) => {
      const [from, participant = ''] = Buffer.from(bytes).toString('utf8').split(' ');
      if (from !== replica && isParticipantId(participant)) tell(participant);
    }),
    bus.watch((up) => {
      if (!up) return;
      for (const participant of unsaid) say(participant);
      unsaid.clear();
    }),
  ];
  return {
    ...local,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      for (const end of endings) end();
    },
  };
}
