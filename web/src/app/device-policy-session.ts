import type { PaceLimits } from '../../../shared/training/pace.ts';
import type { PauseReason, SessionPhase } from '../session/snapshot.ts';
import { type DevicePolicy, decide, type PolicyDecision } from './device-policy.ts';
import type { Services } from './services.ts';
import { isActive } from './session-words.ts';

/** What was seen and done so far, to tell a person's decision from the policy's. */
export interface Following {
  /** The policy paused the session, and it was seen paused. */
  readonly held: boolean;
  /** The policy asked to resume, which shows a little later. */
  readonly resuming: boolean;
  /** A person resumed although the policy paused for this reason: it holds no longer, until it has passed. */
  readonly overridden: PauseReason | undefined;
}

export type PolicyCommand =
  | { readonly do: 'pause'; readonly because: PauseReason }
  | { readonly do: 'resume' };

export const FOLLOWING_NOTHING: Following = { held: false, resuming: false, overridden: undefined };

/**
 * What to ask of the session. It pauses for a reason, and resumes what it paused, never what a person paused;
 * and a person who resumes is right. Commands may be repeated until the session shows their effect.
 */
export function follow(
  following: Following,
  phase: SessionPhase | undefined,
  decision: PolicyDecision,
): { readonly following: Following; readonly command: PolicyCommand | undefined } {
  if (phase === undefined || !isActive(phase)) return { following: FOLLOWING_NOTHING, command: undefined };
  const because = phase.name === 'paused' ? phase.because : undefined;

  if (decision.run) {
    if (because === undefined) return { following: FOLLOWING_NOTHING, command: undefined };
    return {
      following: { held: true, resuming: true, overridden: undefined },
      command: { do: 'resume' },
    };
  }
  const { reason } = decision;
  if (phase.name === 'paused') {
    // Paused by the person: not the policy's business.
    if (because === undefined)
      return { following: { ...following, held: false, resuming: false }, command: undefined };
    return {
      following: { held: true, resuming: false, overridden: undefined },
      command: because === reason ? undefined : { do: 'pause', because: reason },
    };
  }
  const resumedByPerson = following.held && !following.resuming;
  const overridden = resumedByPerson ? reason : following.overridden;
  const next: Following = { held: false, resuming: false, overridden };
  return { following: next, command: overridden === reason ? undefined : { do: 'pause', because: reason } };
}

/**
 * Applies the person's policy to the session for as long as the page lives: pauses, resumes, sets the pace.
 * @returns a function that ends it.
 */
export function followDevicePolicy({
  session,
  settings,
  device,
}: Pick<Services, 'session' | 'settings' | 'device'>): () => void {
  let following = FOLLOWING_NOTHING;
  let phase: SessionPhase | undefined;
  let asking = false;
  let pace: PaceLimits | undefined;

  const apply = (): void => {
    const policy: DevicePolicy = settings.current;
    const decision = decide(policy, device.state);
    if (decision.run) {
      const { maxDuty } = decision;
      const { coolDown } = policy;
      if (pace?.maxDuty !== maxDuty || pace.coolDown !== coolDown) {
        pace = { maxDuty, coolDown };
        attempt(session.setPace(pace));
      }
    }
    // A command under way is waited for; whatever came in between is looked at then.
    if (asking) return;
    const next = follow(following, phase, decision);
    following = next.following;
    if (next.command === undefined) return;
    asking = true;
    const asked = next.command.do === 'pause' ? session.pause(next.command.because) : session.resume();
    attempt(asked.finally(() => (asking = false)));
  };
  const unsubscribe = [
    session.subscribe((snapshot) => {
      phase = snapshot?.phase;
      apply();
    }),
    settings.subscribe(apply),
    device.subscribe(apply),
  ];
  apply();
  return () => {
    for (const end of unsubscribe) end();
  };
}

function attempt(asked: Promise<void>): void {
  asked.catch((error: unknown) =>
    console.warn('The session did not follow the rules of this device.', error),
  );
}
