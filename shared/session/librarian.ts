import { type ErrorRecord, type MurmurationError, toErrorRecord } from '../errors/index.ts';
import { type NodeId, SERVER } from '../identity/index.ts';
import { type Layout, type Model, modelBytes, modelFromBytes } from '../update/index.ts';
import type { Message, MessageOf, ModelRef } from '../wire/index.ts';
import type { Clock, Store } from './ports.ts';

/**
 * Hands out models and round records to those who lack them, and fetches what this node lacks. A model is known by
 * its hash, so it does not matter who delivers it. SPEC M-01 to M-06.
 */
export interface Librarian {
  /** Answers a request or takes in an answer; other messages are not its business. */
  receive(from: NodeId, message: Message): Promise<void>;
  /** Tries holder after holder. @returns undefined when none delivers. */
  fetch(model: ModelRef, holders: readonly NodeId[]): Promise<Model | undefined>;
  /** Asks what this node knows of the rounds from this one on; `onRecords` was told when it resolves. @returns whether an answer came. */
  fetchHistory(from: NodeId, fromRound: number): Promise<boolean>;
  /** What this node has, remembered or stored. */
  find(hash: string): Promise<Model | undefined>;
  /** Makes a model available before it is stored. */
  remember(model: Model): void;
  close(): void;
}

export interface LibrarianContext {
  readonly run: string;
  readonly layout: Layout;
  /** Vectors that a model has beside its weights. */
  readonly slots?: number;
  readonly store: Store;
  readonly clock: Clock;
  readonly send: (to: NodeId, message: Message) => void;
  readonly onRefused: (from: NodeId, error: ReturnType<MurmurationError['toRecord']>) => void;
  /** What is stored here could not be read. */
  readonly onUnreadable: (error: ErrorRecord) => void;
  readonly onRecords: (records: MessageOf<'history'>['records']) => void;
}

const ROUNDS_OF_ASKING = 3;
/** A holder is given this long, and a second for every 100 kB of model on top. */
const HOLDER_MS = 5000;
const SLOWEST_BYTES_PER_MS = 100;
/** The models of the last rounds are enough: whoever is further behind needs the newest one. */
const REMEMBERED = 3;

export function createLibrarian(context: LibrarianContext): Librarian {
  const { run, layout, slots = 0, store, clock, send } = context;
  const remembered = new Map<string, Model>();
  const waiting = new Map<string, Set<(model: Model | undefined) => void>>();
  const fetching = new Map<string, Promise<Model | undefined>>();
  const awaited = new Map<NodeId, Set<(came: boolean) => void>>();
  let closed = false;

  const remember = (model: Model): void => {
    remembered.delete(model.hash);
    remembered.set(model.hash, model);
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value!);
  };

  async function find(hash: string): Promise<Model | undefined> {
    const known = remembered.get(hash);
    if (known !== undefined) return known;
    const stored = await store.loadModel(run);
    return stored?.hash === hash ? stored : undefined;
  }

  /** Resolves with the next answer for this hash, or undefined when the time is up. */
  function answer(hash: string): Promise<Model | undefined> {
    return new Promise((resolve) => {
      const settle = (model: Model | undefined): void => {
        cancel();
        waiting.get(hash)?.delete(settle);
        resolve(model);
      };
      const cancel = clock.after(HOLDER_MS + (layout.length * 4 * (1 + slots)) / SLOWEST_BYTES_PER_MS, () =>
        settle(undefined),
      );
      waiting.set(hash, (waiting.get(hash) ?? new Set()).add(settle));
    });
  }

  async function ask(model: ModelRef, holders: readonly NodeId[]): Promise<Model | undefined> {
    for (let i = 0; i < ROUNDS_OF_ASKING * holders.length && !closed; i++) {
      const found = await findIfReadable(model.hash);
      if (found !== undefined) return found;
      const answered = answer(model.hash);
      send(holders[i % holders.length]!, { type: 'modelRequest', run, hash: model.hash });
      const received = await answered;
      if (received !== undefined) return received;
    }
    return findIfReadable(model.hash);
  }

  /** Whoever holds it can deliver it all the same. */
  async function findIfReadable(hash: string): Promise<Model | undefined> {
    try {
      return await find(hash);
    } catch (thrown) {
      context.onUnreadable(toErrorRecord(thrown));
      return undefined;
    }
  }

  async function serveModel(to: NodeId, hash: string): Promise<void> {
    // What is on its way here is worth the wait: the asker has no nearer holder, or would have asked it first.
    const model = (await find(hash)) ?? (await fetching.get(hash));
    const ref = { version: model?.version ?? 0, hash };
    send(to, { type: 'model', run, model: ref, weights: model === undefined ? null : modelBytes(model) });
  }

  function takeModel(from: NodeId, { model, weights }: MessageOf<'model'>): void {
    const settles = waiting.get(model.hash);
    if (settles === undefined || settles.size === 0) return;
    let received: Model | undefined;
    try {
      if (weights !== null) received = modelFromBytes(model.version, layout, weights, model.hash);
    } catch (thrown) {
      context.onRefused(from, toErrorRecord(thrown));
    }
    if (received !== undefined) remember(received);
    for (const settle of [...settles]) settle(received);
  }

  return {
    remember,
    find,
    async receive(from, message) {
      if (message.type === 'modelRequest') await serveModel(from, message.hash);
      else if (message.type === 'model') takeModel(from, message);
      else if (message.type === 'historyRequest') {
        send(from, { type: 'history', run, records: await store.loadRecords(run, message.fromRound) });
      } else if (message.type === 'history') {
        context.onRecords(message.records);
        for (const settle of [...(awaited.get(from) ?? [])]) settle(true);
      }
    },
    fetchHistory(from, fromRound) {
      if (closed) return Promise.resolve(false);
      return new Promise((resolve) => {
        const settle = (came: boolean): void => {
          cancel();
          awaited.get(from)?.delete(settle);
          resolve(came);
        };
        const cancel = clock.after(HOLDER_MS, () => settle(false));
        awaited.set(from, (awaited.get(from) ?? new Set()).add(settle));
        send(from, { type: 'historyRequest', run, fromRound });
      });
    },
    fetch(model, holders) {
      const asked = holders.length > 0 ? holders : [SERVER as NodeId];
      const under = fetching.get(model.hash) ?? ask(model, asked).finally(() => fetching.delete(model.hash));
      fetching.set(model.hash, under);
      // Whoever delivers it may know it by the number of an earlier version with the same weights. SPEC Q-24.
      return under.then((found) => found && { ...found, version: model.version });
    },
    close() {
      closed = true;
      for (const settles of waiting.values()) for (const settle of [...settles]) settle(undefined);
      for (const settles of awaited.values()) for (const settle of [...settles]) settle(false);
    },
  };
}
