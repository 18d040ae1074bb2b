import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';

/** Whom a bearer token of the HTTP interface stands for. */
export interface Credential {
  readonly federation: string;
  readonly participant: ParticipantId;
  readonly incarnation: number;
}

/**
 * Bearer tokens: one per participant and incarnation, good while connected to any replica and for a while after. A token
 * says whom it stands for and proves it by a key that all replicas have, so none needs to be told of it. SPEC X-04.
 */
export interface Credentials {
  /** Makes the holder's token good. Ends that of an earlier incarnation: what it was doing is over. */
  issue(holder: Credential): string;
  /** Lets the token lapse after the grace period, unless it is issued again. */
  lapse(holder: Credential): void;
  revoke(holder: Credential): void;
  /** Ends its token of one federation, or of all. */
  revokeAll(participant: ParticipantId, federation?: string): void;
  find(token: string): Credential | undefined;
  close(): void;
}

interface Issued {
  readonly holder: Credential;
  cancelLapse: () => void;
}

/** @param key at least 32 bytes that only the replicas of this server know. */
export function createCredentials(clock: Clock, graceMs: number, key: Uint8Array): Credentials {
  const byHolder = new Map<string, Issued>();

  const macOf = (holder: Credential): Buffer =>
    createHmac('sha256', key)
      .update(`murmuration hub token 1\n${textOf(holder)}`)
      .digest();

  const find = (holder: Credential): Issued | undefined => {
    const issued = byHolder.get(keyOf(holder));
    return issued?.holder.incarnation === holder.incarnation ? issued : undefined;
  };

  const remove = (issued: Issued | undefined): void => {
    if (issued === undefined) return;
    issued.cancelLapse();
    if (byHolder.get(keyOf(issued.holder)) === issued) byHolder.delete(keyOf(issued.holder));
  };

  return {
    issue({ federation, participant, incarnation }) {
      const holder = { federation, participant, incarnation };
      const known = find(holder);
      if (known !== undefined) known.cancelLapse();
      else {
        remove(byHolder.get(keyOf(holder)));
        byHolder.set(keyOf(holder), { holder, cancelLapse: () => undefined });
      }
      return `${textOf(holder)}.${macOf(holder).toString('base64url')}`;
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
    revokeAll(participant, federation) {
      for (const issued of [...byHolder.values()]) {
        const { holder } = issued;
        if (holder.participant === participant && (federation ?? holder.federation) === holder.federation)
          remove(issued);
      }
    },
    find(token) {
      const [federation, participant, incarnation, mac] = token.split('.');
      const issued = byHolder.get(`${federation} ${participant}`);
      if (issued === undefined || mac === undefined) return undefined;
      if (String(issued.holder.incarnation) !== incarnation) return undefined;
      const [given, expected] = [Buffer.from(mac, 'base64url'), macOf(issued.holder)];
      return given.length === expected.length && timingSafeEqual(given, expected) ? issued.holder : undefined;
    },
    close() {
      for (const issued of [...byHolder.values()]) remove(issued);
    },
  };
}

/** None of the three holds a dot. */
function textOf({ federation, participant, incarnation }: Credential): string {
  return `${federation}.${participant}.${incarnation}`;
}

function keyOf({ federation, participant }: Credential): string {
  return `${federation} ${participant}`;
}
