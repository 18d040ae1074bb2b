import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import type { AttemptId, Message, MessageOf, MessageType } from '../wire/index.ts';
import { COORDINATOR_LIES, type Lie, OWNER_LIES, PARTICIPANT_LIES, type Phase, type Scene } from './lies.ts';
import { createWorld, type Said, type World } from './session-world.ts';

/** Who is at fault, and in what kind of federation. */
export type Role =
  | 'participant'
  | 'participant that owns a slice'
  | 'coordinator (server)'
  | 'coordinator (elected peer)'
  | 'server, coordinator and only owner'
  | 'server, only as owner';

export interface FaultCell {
  readonly role: Role;
  readonly phase: Phase;
  readonly behaviour: string;
  readonly paths: 'mesh' | 'server';
  /** The first attempt at round 2 only, or every attempt for as long as {@link PERSISTS_MS}. */
  readonly lasts: 'one attempt' | 'two minutes';
  readonly codes: readonly string[];
  readonly act: Act;
}

type Act =
  | { readonly kind: 'leaves' | 'returns'; readonly trigger: Trigger; readonly awayMs: number }
  | { readonly kind: 'stalls'; readonly trigger: Trigger }
  | { readonly kind: 'late'; readonly trigger: Trigger; readonly byMs: number }
  | { readonly kind: 'lies'; readonly lie: Lie };

/** The moment at which a fault begins: as this message is said. */
interface Trigger {
  readonly type: MessageType;
  readonly by: 'it' | 'anyone';
  readonly to?: 'it';
  readonly survivors?: true;
  readonly afterMs?: number;
}

export interface FaultOutcome {
  /** Abandonments of round 2 by the coordinator's code, then who survived it. */
  readonly result: string;
  /** Who survived round 3: whoever was taken for the culprit is not in it. */
  readonly next: string;
  /** Codes named while the fault lasted, and by whom. */
  readonly named: string;
  readonly codes: ReadonlySet<string>;
  /** What must not be; empty when all is well. */
  readonly wrongs: readonly string[];
}

const PARTICIPANTS = 5;
const ROUNDS = 3;
export const PERSISTS_MS = 120_000;
const LIMIT_MS = 900_000;
const AWAY_MS = 60_000;
const STALL_MS = 70_000;
/** Beyond every deadline of a phase, and soon enough that it is still in the run. */
const RETURN_MS = 20_000;

const PHASES: readonly Phase[] = [
  'keys',
  'shares',
  'training',
  'masked input',
  'survivors',
  'reveal',
  'sum',
  'apply',
];

const PARTICIPANT_TRIGGERS: Readonly<Record<Phase, Trigger>> = {
  keys: { type: 'keys', by: 'it' },
  shares: { type: 'shares', by: 'it' },
  training: { type: 'shares', by: 'it', afterMs: 20 },
  'masked input': { type: 'slice', by: 'it' },
  survivors: { type: 'confirm', by: 'it' },
  reveal: { type: 'reveal', by: 'it' },
  sum: { type: 'sum', by: 'anyone' },
  apply: { type: 'applied', by: 'it' },
};
const OWNER_TRIGGERS: Readonly<Record<Phase, Trigger>> = {
  ...PARTICIPANT_TRIGGERS,
  'masked input': { type: 'slice', by: 'anyone', to: 'it' },
  survivors: { type: 'plan', by: 'anyone', to: 'it', survivors: true },
  reveal: { type: 'reveal', by: 'anyone', to: 'it' },
  sum: { type: 'sum', by: 'it' },
};
const COORDINATOR_TRIGGERS: Readonly<Record<Phase, Trigger>> = {
  keys: { type: 'roster', by: 'it' },
  shares: { type: 'inbox', by: 'it' },
  training: { type: 'inbox', by: 'it', afterMs: 20 },
  'masked input': { type: 'plan', by: 'it', survivors: true },
  survivors: { type: 'confirmed', by: 'it' },
  reveal: { type: 'reveal', by: 'anyone' },
  sum: { type: 'sum', by: 'anyone' },
  apply: { type: 'commit', by: 'it' },
};
/** Longer than the deadline of the phase: setup 10 s each, exchange 15 s, confirmations 5 s, applying 15 s. */
const LATE_MS: Readonly<Record<Phase, number>> = {
  keys: 11_000,
  shares: 11_000,
  training: 11_000,
  'masked input': 16_000,
  survivors: 6_000,
  reveal: 16_000,
  sum: 16_000,
  apply: 16_000,
};

/** Every role, phase and behaviour. */
export function faultCells(): FaultCell[] {
  return [
    ...absences('participant', 'server', PARTICIPANT_TRIGGERS),
    ...absences('participant that owns a slice', 'mesh', OWNER_TRIGGERS),
    ...absences('coordinator (server)', 'mesh', COORDINATOR_TRIGGERS),
    ...absences('coordinator (elected peer)', 'mesh', COORDINATOR_TRIGGERS),
    ...absences('server, coordinator and only owner', 'server', COORDINATOR_TRIGGERS),
    ...PHASES.slice(3).flatMap((phase): FaultCell[] => {
      const trigger = OWNER_TRIGGERS[phase];
      if (phase === 'apply') return [];
      const cell = {
        role: 'server, only as owner',
        phase,
        paths: 'server',
        lasts: 'one attempt',
        codes: [],
      } as const;
      return [
        { ...cell, behaviour: 'stalls', act: { kind: 'stalls', trigger } },
        { ...cell, behaviour: 'is late', act: { kind: 'late', trigger, byMs: LATE_MS.sum } },
      ];
    }),
    ...lies('participant', 'server', PARTICIPANT_LIES),
    ...lies('participant that owns a slice', 'mesh', [...PARTICIPANT_LIES, ...OWNER_LIES]),
    ...lies('coordinator (server)', 'mesh', COORDINATOR_LIES),
    ...lies('coordinator (elected peer)', 'mesh', COORDINATOR_LIES),
    ...lies('server, coordinator and only owner', 'server', COORDINATOR_LIES),
    ...lies('server, only as owner', 'server', OWNER_LIES),
  ];
}

function absences(
  role: Role,
  paths: FaultCell['paths'],
  triggers: Readonly<Record<Phase, Trigger>>,
): FaultCell[] {
  return PHASES.flatMap((phase): FaultCell[] => {
    const trigger = triggers[phase];
    const cell = { role, phase, paths, lasts: 'one attempt', codes: [] } as const;
    return [
      { ...cell, behaviour: 'leaves', act: { kind: 'leaves', trigger, awayMs: AWAY_MS } },
      { ...cell, behaviour: 'stalls', act: { kind: 'stalls', trigger } },
      {
        ...cell,
        behaviour: 'returns late',
        act: { kind: 'returns', trigger, awayMs: RETURN_MS },
      },
      { ...cell, behaviour: 'reloads', act: { kind: 'returns', trigger, awayMs: 50 } },
      ...(phase === 'training'
        ? []
        : [{ ...cell, behaviour: 'is late', act: { kind: 'late', trigger, byMs: LATE_MS[phase] } } as const]),
    ];
  });
}

function lies(role: Role, paths: FaultCell['paths'], known: readonly Lie[]): FaultCell[] {
  return known
    .filter((lie) => lie.in === undefined || lie.in === paths)
    .flatMap((lie) =>
      (['one attempt', 'two minutes'] as const).map((lasts) => ({
        role,
        phase: lie.phase,
        behaviour: lie.words,
        paths,
        lasts,
        codes: lie.codes,
        act: { kind: 'lies', lie },
      })),
    );
}

export function nameOf({ role, phase, behaviour, lasts }: FaultCell): string {
  return `${role} / ${phase} / ${behaviour} / ${lasts}`;
}

/** Plays one cell: three rounds of five participants, with the fault in the second. */
export async function playFault(cell: FaultCell, flush: () => Promise<void>): Promise<FaultOutcome> {
  const { act } = cell;
  const elected = cell.role === 'coordinator (elected peer)';
  let actor: NodeId | undefined;
  let begunMs: number | undefined;
  let faultAttempt: AttemptId | undefined;
  let silent = false;
  let hasLeft = false;
  let over = false;
  const said = new Map<MessageType, { readonly from: NodeId; readonly message: Message }[]>();

  const isMine = (from: NodeId, message: Message): boolean => {
    if (over || from !== actor) return false;
    const attempt = attemptOf(message);
    if (attempt === undefined || attempt.round < 2) return false;
    if (cell.lasts === 'two minutes')
      return begunMs === undefined || world.clock.nowMs() < begunMs + PERSISTS_MS;
    return faultAttempt === undefined || sameAttempt(attempt, faultAttempt);
  };
  const begin = (attempt: AttemptId | undefined): void => {
    begunMs ??= world.clock.nowMs();
    faultAttempt ??= attempt;
  };

  const world: World = createWorld({
    seed: nameOf(cell),
    participants: PARTICIPANTS,
    rounds: ROUNDS,
    flush,
    secure: true,
    paths: cell.paths === 'server' ? ['server'] : ['direct', 'relay', 'server'],
    onSaid(from, to, message) {
      said.set(message.type, [...(said.get(message.type) ?? []), { from, message }]);
      actor ??= findActor(cell.role, world, message);
      const attempt = attemptOf(message);
      if (actor === undefined || attempt === undefined || attempt.round < 2) return;
      if (act.kind === 'lies') {
        if (act.lie.leavesAt !== message.type || from !== actor || hasLeft) return;
        begin(attempt);
        hasLeft = true;
        return leave(AWAY_MS);
      }
      if (begunMs !== undefined) return;
      if (!fits(act.trigger, from, to, message, actor)) return;
      begin(attempt);
      world.clock.after(act.trigger.afterMs ?? 0, () => {
        if (act.kind === 'leaves' || act.kind === 'returns') leave(act.awayMs);
      });
      if (act.kind === 'stalls' && act.trigger.afterMs === undefined) stall();
      else if (act.kind === 'stalls') world.clock.after(act.trigger.afterMs!, stall);
    },
    mayLie: (from, to) =>
      from === actor || (to === actor && act.kind === 'lies' && act.lie.hears !== undefined),
    async lie(from, to, message): Promise<Said> {
      if (from !== actor) return act.kind === 'lies' ? act.lie.hears!(message, scene) : message;
      if (silent) return isStalled(message) ? undefined : message;
      if (
        act.kind === 'late' &&
        isMine(from, message) &&
        begunMs !== undefined &&
        isOfTrigger(act.trigger, message)
      )
        return { afterMs: act.byMs, message };
      if (act.kind !== 'lies' || !isMine(from, message)) return message;
      const told = await act.lie.tell(message, to, scene);
      if (told !== message) begin(attemptOf(message));
      return told;
    },
    ...(act.kind === 'lies' && act.lie.cheat !== undefined
      ? { cheat: (id: NodeId, honest) => (id === world.ids[1] ? act.lie.cheat!(honest) : honest) }
      : {}),
  });
  const scene: Scene = {
    world,
    get liar() {
      return actor!;
    },
    said: <T extends MessageType>(type: T, from?: NodeId) =>
      (said.get(type) ?? [])
        .filter((each) => from === undefined || each.from === from)
        .map(({ message }) => message as MessageOf<T>),
    parameters() {
      const { participant, owner } = world.nodes.get(actor!)!.state;
      return participant?.attempt?.secure?.parameters ?? owner.current!.parameters!;
    },
    wait: (delayMs) =>
      new Promise((resolve) => {
        world.clock.after(delayMs, resolve);
      }),
  };

  function leave(awayMs: number): void {
    const gone = actor!;
    world.kill(gone);
    world.clock.after(awayMs, () => {
      if (!world.nodes.has(gone)) world.start(gone);
    });
  }

  function stall(): void {
    silent = true;
    world.clock.after(STALL_MS, () => {
      silent = false;
    });
  }

  /** A participant or owner says nothing more of that attempt; a coordinator nothing more at all. */
  function isStalled(message: Message): boolean {
    if (cell.role === 'server, only as owner') return message.type === 'sum';
    if (cell.role.startsWith('participant')) {
      const attempt = attemptOf(message);
      return attempt !== undefined && faultAttempt !== undefined && sameAttempt(attempt, faultAttempt);
    }
    return true;
  }

  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  if (elected) {
    await world.run(() => world.records.length > 0, 60_000);
    world.kill(SERVER);
  }
  const quiet = () =>
    begunMs !== undefined &&
    world.clock.nowMs() >
      begunMs + (cell.lasts === 'two minutes' || act.kind !== 'lies' ? PERSISTS_MS : STALL_MS);
  await world.run(() => quiet() || (isFinished(world) && !elected), LIMIT_MS);
  over = true;
  if (!world.nodes.has(SERVER)) world.start(SERVER);
  const ended = await world.run(() => isFinished(world), LIMIT_MS);
  const outcome = judge(cell, world, actor, begunMs, faultAttempt, ended);
  for (const id of [...world.nodes.keys()]) world.kill(id);
  return outcome;
}

function judge(
  cell: FaultCell,
  world: World,
  actor: NodeId | undefined,
  begunMs: number | undefined,
  faultAttempt: AttemptId | undefined,
  ended: boolean,
): FaultOutcome {
  const wrongs: string[] = [];
  if (begunMs === undefined) wrongs.push('the fault never happened');
  if (!ended) wrongs.push('the run hangs');
  for (const record of world.records)
    if (record.hash !== world.expectedHash(record))
      wrongs.push(`round ${record.round} is not the sum of its survivors`);
  wrongs.push(...world.watch.broken);
  for (const type of ['confirm', 'reveal', 'slice'] as const)
    if ((world.watch.seen.get(type) ?? 0) === 0) wrongs.push(`no ${type} was ever seen`);
  for (const { code, text } of world.notices) if (code === 'internal') wrongs.push(`internal error: ${text}`);
  const hashes = new Set(world.ids.map((id) => world.modelOf(id)?.hash));
  if (ended && hashes.size !== 1) wrongs.push(`${hashes.size} different models at the end`);

  const notices = world.notices.filter(({ node, code }) => code !== undefined && node !== actor);
  const codes = new Set(notices.map(({ code }) => code!));
  const record = world.records.find(({ round }) => round === 2);
  const next = world.records.find(({ round }) => round === 3);
  const abandoned = world.notices.filter(
    ({ text, code }) => code !== undefined && /^Round 2 was abandoned/.test(text),
  );
  for (const { code } of abandoned) codes.add(code!);
  if (cell.codes.length > 0 && !cell.codes.some((code) => codes.has(code)))
    wrongs.push(`nobody names ${cell.codes.join(' or ')}`);
  return {
    next: next === undefined ? 'never committed' : survivorsOf(next, world, actor, undefined),
    result: [
      ...tally(abandoned.map(({ code }) => `abandoned: \`${code}\``)),
      record === undefined ? 'never committed' : `**${survivorsOf(record, world, actor, faultAttempt)}**`,
    ].join('; '),
    named: namedBy(notices, world),
    codes,
    wrongs,
  };
}

function survivorsOf(
  record: World['records'][number],
  world: World,
  actor: NodeId | undefined,
  faultAttempt: AttemptId | undefined,
): string {
  const again = faultAttempt !== undefined && !sameAttempt(record, faultAttempt) ? ', tried again' : '';
  const { survivors } = record;
  if (survivors.length === world.ids.length) return `all${again}`;
  const others = world.ids.length - 1;
  const hasActor = survivors.includes(actor as ParticipantId);
  if (!hasActor && survivors.length === others && actor !== SERVER) return `all but it${again}`;
  return `${survivors.length}, ${hasActor ? 'with' : 'without'} it${again}`;
}

/** Codes, each with who named it; abandonments are told of already. */
function namedBy(notices: World['notices'], world: World): string {
  const by = new Map<string, Set<NodeId>>();
  for (const { node, code, text } of notices) {
    if (/^Round \d+ was abandoned/.test(text)) continue;
    by.set(code!, (by.get(code!) ?? new Set()).add(node));
  }
  return [...by]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, nodes]) => {
      const participants = world.ids.filter((id) => nodes.has(id)).length;
      const who = [
        ...(nodes.has(SERVER) ? ['the server'] : []),
        ...(participants > 0 ? [participants === 1 ? 'a participant' : `${participants} participants`] : []),
      ];
      return `\`${code}\` by ${who.join(' and ')}`;
    })
    .join('; ');
}

function tally(items: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].map(([item, count]) => (count === 1 ? item : `${count} times ${item}`));
}

function findActor(role: Role, world: World, message: Message): NodeId | undefined {
  if (role === 'coordinator (elected peer)') {
    if (attemptOf(message)?.round !== 2 || message.type !== 'invite') return undefined;
    return [...world.nodes].find(
      ([id, { state }]) => id !== SERVER && state.coordinator?.status.name === 'round',
    )?.[0];
  }
  return role.startsWith('participant') ? world.ids[1] : SERVER;
}

function fits(trigger: Trigger, from: NodeId, to: NodeId, message: Message, actor: NodeId): boolean {
  if (!isOfTrigger(trigger, message)) return false;
  if (trigger.by === 'it' && from !== actor) return false;
  return trigger.to === undefined || to === actor;
}

function isOfTrigger({ type, survivors }: Trigger, message: Message): boolean {
  if (message.type !== type) return false;
  return survivors === undefined || (message.type === 'plan' && message.plan.survivors !== null);
}

function attemptOf(message: Message): AttemptId | undefined {
  if (message.type === 'commit') return message.record;
  return 'attempt' in message ? message.attempt : undefined;
}

function sameAttempt(a: AttemptId, b: AttemptId): boolean {
  return a.term === b.term && a.round === b.round && a.attempt === b.attempt;
}

function isFinished(world: World): boolean {
  const last = world.nodes.get(SERVER)?.state.coordinator?.model?.hash;
  return world.ids.every((id) => {
    const participant = world.nodes.get(id)?.state.participant;
    return participant?.status.name === 'finished' && participant.model?.hash === last;
  });
}
