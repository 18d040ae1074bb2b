import { randomBytes } from 'node:crypto';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';

/** Whom a bearer token of the HTTP interface stands for. */
export interface Credential {
  readonly federation: string;
  readonly participant: ParticipantId;
  readonly incarnation: number;
}

/** Bearer tokens: one per participant and incarnation, good while connected and for a while after. */
export interface Credentials {
  issue(holder: Credential): string;
  /** Lets the token lapse after the grace period, unless it is issued again. */
  lapse(holder: Credential): void;
  revoke(holder: Credential): void;
  find(token: string): Credential | undefined;
  close(): void;
}

interface Issued {
  readonly holder: Credential;
  readonly token: string;
  cancelLapse: () => void;
}

export function createCredentials(clock: Clock, graceMs: number): Credentials {
  const byToken = new Map<string, Issued>();
  const byHolder = new Map<string, Issued>();

  const find = (holder: Credential): Issued | undefined => {
    const issued = byHolder.get(keyOf(holder));
    return issued?.holder.incarnation === holder.incarnation ? issued : undefined;
  };

  const remove = (issued: Issued | undefined): void => {
    if (issued === undefined) return;
    issued.cancelLapse();
    byToken.delete(issued.token);
    byHolder.delete(keyOf(issued.holder));
  };

  return {
    issue(holder) {
      const known = find(holder);
      if (known !== undefined) {
        known.cancelLapse();
        return known.token;
      }
      remove(byHolder.get(keyOf(holder))); // of an earlier incarnation: what it was doing is over
      const issued = {
        holder,
        token: randomBytes(32).toString('base64url'),
        cancelLapse: () => undefined,
      };
      byToken.set(issued.token, issued);
      byHolder.set(keyOf(holder), issued);
      return issued.token;
    },
    lapse(holder) {
      const issued = find(holder);
      if (issued === undefined) return;
      issued.cancelLapse();
      issued.cancelLapse = clock.after(graceMs, () => remove(issued));
    },
    revoke(holder) {
      remove(find(holder));
    },
    find: (token) => byToken.get(token)?.holder,
    close() {
      for (const issued of [...byToken.values()]) remove(issued);
    },
  };
}

function keyOf({ federation, participant }: Credential): string {
  return `${federation} ${participant}`;
}
