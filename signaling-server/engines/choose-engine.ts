import { check, toErrorRecord } from '../../shared/errors/index.ts';

/** Something that computes, of which several may be installed. */
export interface Engine {
  readonly name: string;
  /** Makes it the one that computes. @returns why it cannot; undefined once it can. */
  activate(): Promise<string | undefined>;
}

export interface PassedOverEngine {
  readonly name: string;
  readonly reason: string;
  readonly msPerPass?: number;
}

/** What was chosen, and why not the others. */
export interface EngineReport {
  readonly name: string;
  readonly msPerPass: number;
  readonly passedOver: readonly PassedOverEngine[];
}

export interface EngineChoice {
  /** One forward pass of the model at hand, on whatever is active. */
  readonly pass: () => Promise<unknown>;
  /** What is wrong with the results of whatever is active, in words. */
  readonly fault?: () => Promise<string | undefined>;
  readonly nowMs: () => number;
}

/** After one that warms up. */
const TIMED_PASSES = 5;
/** More than this is not spent on timing one engine; one pass is, whatever it takes. */
const BUDGET_MS = 2_000;

/**
 * Times a few passes on each engine and leaves the fastest active: by the median, and of two alike the one named first. One
 * that is missing, refuses or fails on the way is passed over with the reason.
 * @throws `training.backend-unavailable` when none works.
 */
export async function chooseEngine(
  engines: readonly Engine[],
  { pass, fault: faultOf, nowMs }: EngineChoice,
): Promise<EngineReport> {
  const timed: { readonly engine: Engine; readonly msPerPass: number }[] = [];
  const passedOver: PassedOverEngine[] = [];
  for (const engine of engines) {
    const missing = await tried(() => engine.activate());
    if (missing !== undefined) {
      passedOver.push({ name: engine.name, reason: missing });
      continue;
    }
    let msPerPass = 0;
    const fault = await tried(async () => {
      const wrong = await faultOf?.();
      if (wrong !== undefined) return wrong;
      msPerPass = await medianMs(pass, nowMs);
      return undefined;
    });
    if (fault === undefined) timed.push({ engine, msPerPass });
    else passedOver.push({ name: engine.name, reason: fault });
  }
  const fastestFirst = [...timed].sort((a, b) => a.msPerPass - b.msPerPass);
  for (const [place, { engine, msPerPass }] of fastestFirst.entries()) {
    const fault =
      engine === timed.at(-1)!.engine && place === 0 ? undefined : await tried(() => engine.activate());
    if (fault !== undefined) {
      passedOver.push({ name: engine.name, reason: fault, msPerPass });
      continue;
    }
    const slower = fastestFirst.slice(place + 1).map((other) => ({
      name: other.engine.name,
      reason: `It takes ${rounded(other.msPerPass)} ms a pass, ${engine.name} ${rounded(msPerPass)} ms.`,
      msPerPass: other.msPerPass,
    }));
    return { name: engine.name, msPerPass, passedOver: [...passedOver, ...slower] };
  }
  const reasons = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join(' ');
  check(false, 'training.backend-unavailable', 'Nothing on this server can compute the model.', {
    expected: `one of ${engines.map(({ name }) => name).join(', ')}`,
    received: reasons,
    remedy: 'Install the npm packages again.',
  });
}

/** @returns why it failed: what it says, or the code of what it throws. */
async function tried(work: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await work();
  } catch (thrown) {
    const { code } = toErrorRecord(thrown);
    const system = (thrown as { code?: unknown }).code;
    return `It failed: ${code === 'internal' && typeof system === 'string' ? system : code}.`;
  }
}

async function medianMs(pass: () => Promise<unknown>, nowMs: () => number): Promise<number> {
  await pass();
  const durations: number[] = [];
  const endMs = nowMs() + BUDGET_MS;
  while (durations.length === 0 || (durations.length < TIMED_PASSES && nowMs() < endMs)) {
    const startMs = nowMs();
    await pass();
    durations.push(nowMs() - startMs);
  }
  return durations.sort((a, b) => a - b)[durations.length >> 1]!;
}

function rounded(ms: number): string {
  return String(Number(ms.toPrecision(3)));
}
