import type { Logger } from 'pino';
import { type ErrorRecord, MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import type { Identity } from '../../shared/identity/index.ts';
import type { ChainedEntry } from '../../shared/ledger/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import type { CryptoSuite } from '../../shared/secagg/index.ts';
import { createNode, type NodeState, type SessionNode, type Store } from '../../shared/session/index.ts';
import { systemClock } from '../../shared/transport/clock.ts';
import type { Path } from '../../shared/transport/port.ts';
import type { Model } from '../../shared/update/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { isLastingRefusal } from './exit-code.ts';
import { type Hours, isWithin } from './hours.ts';
import { openNetwork } from './network.ts';
import { limitedRounds, roundsReleased } from './round-limit.ts';
import type { NodeTrainer } from './trainer.ts';

export interface SessionOptions {
  readonly server: string;
  readonly federation: Federation;
  readonly run: string;
  readonly identity: Identity;
  readonly store: Store;
  /** Of this data set, as it is now. */
  readonly ledger: () => Promise<readonly ChainedEntry[]>;
  readonly trainer: NodeTrainer;
  readonly suite: CryptoSuite | undefined;
  readonly paths: readonly Path[];
  readonly policy: string | undefined;
  readonly credential: string | undefined;
  readonly hours: Hours | undefined;
  readonly maxRounds: number | undefined;
  /** Leaves after one round that counted this participant in. */
  readonly once: boolean;
  readonly random: CryptoRandom;
  readonly log: Logger;
  /** Something that a report shows may have changed. */
  readonly onChange: () => void;
}

export type SessionEnd =
  | { readonly reason: 'finished' | 'once' | 'rounds' | 'told' }
  | { readonly reason: 'refused'; readonly error: ErrorRecord };

export interface SessionView {
  readonly state: 'connecting' | 'waiting' | 'in-round' | 'outside-hours' | 'ended';
  readonly connected: boolean;
  readonly model: Pick<Model, 'version' | 'hash'> | undefined;
  /** Committed rounds since the start that an update of this participant is in. */
  readonly rounds: number;
  readonly paths: Readonly<Record<string, Path>>;
}

export interface RunningSession {
  readonly view: SessionView;
  /** Settles once: nothing more will come of it. */
  readonly ended: Promise<SessionEnd>;
  /** Finishes what it owes to a round under way, says goodbye, and frees everything but the trainer. */
  leave(): Promise<void>;
}

/** How long a participant does without a coordinator before it stands for election. */
const ELECTION_MS = 1500;
const SETTLE_MS = 1000;
const HOURS_CHECK_MS = 30_000;
/** An update that others wait for is seen through for so long. */
const FINISH_MS = 20_000;
/** A goodbye gets so long to be sent. */
const GOODBYE_MS = 250;

/**
 * Joins a run with the engine that pages run, and stays until something ends it. Connections that are lost are made again for ever.
 * @throws whatever keeps it from starting: `storage.*`, `privacy.*`, `model.*`.
 */
export async function joinRun(options: SessionOptions): Promise<RunningSession> {
  const { federation, run, identity, trainer, suite, random, log, onChange } = options;
  let settle: (end: SessionEnd) => void = () => undefined;
  let isEnded = false;
  const ended = new Promise<SessionEnd>((resolve) => {
    settle = (end) => {
      isEnded = true;
      resolve(end);
      onChange();
    };
  });

  const store = limitedRounds(options.store, options.maxRounds, options.ledger, federation.id);
  const stored = await modelOrNone(store, run, log);
  let rounds = 0;
  let isAwake = isWithin(options.hours, new Date());
  let connected = false;
  let watchers: (() => void)[] = [];
  let node: SessionNode | undefined;

  const net = openNetwork({
    ...options,
    federation: federation.id,
    onHub(event) {
      if (event.type === 'refused') {
        const { code, message } = event.error;
        log.warn({ code, reason: message }, 'the server refused this participant');
        if (isLastingRefusal(code) || code === 'privacy.policy-changed')
          settle({ reason: 'refused', error: event.error });
        return;
      }
      connected = event.type === 'open';
      log.info(connected ? 'connected to the server' : 'the connection to the server was lost');
      onChange();
    },
  });
  net.transport.subscribe((event) => {
    if (event.type === 'peer-up' || event.type === 'peer-path') {
      log.info({ peer: event.peer, path: event.path }, 'path to a peer');
      onChange();
    } else if (event.type === 'peer-down') {
      log.info({ peer: event.peer, reason: event.reason }, 'a peer is gone');
      onChange();
    } else if (event.type === 'refused') {
      log.warn({ from: event.from, code: event.error.code }, 'a message was refused');
    }
  });

  let refusal: ErrorRecord | undefined;
  let lastPhase = '';
  const takeState = ({ participant }: NodeState): void => {
    const { attempt } = participant ?? {};
    const phase = attempt && `${attempt.attempt.round}/${attempt.attempt.attempt}/${attempt.phase.name}`;
    if (attempt !== undefined && phase !== lastPhase)
      log.debug({ round: attempt.attempt.round, phase: attempt.phase.name }, 'in a round');
    lastPhase = phase ?? '';
    for (const watch of watchers) watch();
    onChange();
    if (participant?.status.name === 'finished') settle({ reason: 'finished' });
    // The engine pauses by itself when nothing more may be released.
    else if (participant?.status.name === 'paused' && isAwake && refusal !== undefined)
      settle({ reason: 'refused', error: refusal });
  };
  const takeRecord = async (record: RoundRecord): Promise<void> => {
    const counted = record.survivors.includes(identity.id);
    const { round, hash, survivors } = record;
    log.info({ round, hash, survivors: survivors.length, counted }, 'round committed');
    if (!counted) return;
    rounds++;
    onChange();
    if (options.once) settle({ reason: 'once' });
    if (options.maxRounds === undefined) return;
    if (roundsReleased(await options.ledger(), federation.id) >= options.maxRounds)
      settle({ reason: 'rounds' });
  };

  try {
    node = createNode({
      run,
      federation,
      layout: trainer.layout,
      transport: net.transport,
      store,
      clock: systemClock,
      random,
      ...(suite === undefined ? {} : { secure: { identity, suite } }),
      settleMs: SETTLE_MS,
      participant: {
        trainer,
        examples: trainer.examples,
        dataset: trainer.dataset,
        model: stored ?? (await trainer.initialModel()),
        electionMs: ELECTION_MS,
      },
      observer: {
        onState: takeState,
        onNotice({ level, text, error }) {
          const { code } = error ?? {};
          log[level === 'warning' ? 'warn' : level]({ code }, text);
          if (error === undefined) return;
          if (level === 'error') refusal = error;
          if (code === 'privacy.policy-changed') settle({ reason: 'refused', error });
        },
        onRecord(record) {
          takeRecord(record).catch((thrown: unknown) =>
            settle({ reason: 'refused', error: toErrorRecord(thrown) }),
          );
        },
      },
    });
  } catch (thrown) {
    await net.close();
    throw thrown;
  }
  const running = node;
  running.command('start');
  if (!isAwake) running.command('pause');
  const clock = setInterval(() => {
    const now = isWithin(options.hours, new Date());
    if (now === isAwake || isEnded) return;
    isAwake = now;
    log.info(now ? 'the hours for training begin' : 'the hours for training end');
    running.command(now ? 'resume' : 'pause');
  }, HOURS_CHECK_MS);

  /** Resolves when no round waits for an update that this participant already gave its part to. */
  const finishRound = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(limit);
        watchers = watchers.filter((watch) => watch !== look);
        resolve();
      };
      const look = (): void => {
        if (!isOwing(running.state)) done();
      };
      const limit = setTimeout(done, FINISH_MS);
      watchers.push(look);
      look();
    });

  const stateName = (): SessionView['state'] => {
    if (isEnded) return 'ended';
    if (!isAwake) return 'outside-hours';
    const { participant } = running.state;
    if (participant?.attempt !== undefined) return 'in-round';
    return participant?.status.name === 'joined' ? 'waiting' : 'connecting';
  };

  return {
    get view() {
      const { participant } = running.state;
      const { model } = participant ?? {};
      return {
        state: stateName(),
        connected,
        model: model && { version: model.version, hash: model.hash },
        rounds,
        paths: Object.fromEntries([...net.transport.peers()].map(([peer, { path }]) => [peer, path])),
      };
    },
    ended,
    async leave() {
      clearInterval(clock);
      if (!isEnded) settle({ reason: 'told' });
      await finishRound();
      running.command('leave');
      await new Promise((resolve) => setTimeout(resolve, GOODBYE_MS));
      await net.close();
      running.close();
    },
  };
}

/** Its masked update is on its way, or the shares that take others' masks off are: others would lose by its going. */
function isOwing({ participant }: NodeState): boolean {
  const phase = participant?.attempt?.phase.name;
  return phase === 'masking' || phase === 'exchanging' || phase === 'applying';
}

/** A model that is damaged is as good as none: it is fetched from the others. */
async function modelOrNone(store: Store, run: string, log: Logger): Promise<Model | undefined> {
  try {
    return await store.loadModel(run);
  } catch (thrown) {
    if (!(thrown instanceof MurmurationError) || thrown.code !== 'storage.corrupt') throw thrown;
    log.warn({ err: thrown }, 'the stored model is damaged; it is fetched from the others');
    return undefined;
  }
}
