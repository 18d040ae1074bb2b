import type { HeldMemory, Soak } from './soak.ts';

/** A soak in a worker somewhere. */
export interface SoakHost extends Soak {
  readonly name: string;
  /** Of the worker alone, after its garbage was collected. */
  jsHeapBytes(): Promise<number>;
  /** Ends the worker. */
  close(): Promise<void>;
}

/** One line of the table. */
export interface Sample extends HeldMemory {
  readonly round: number;
  readonly jsHeapBytes: number;
}

export interface Call {
  readonly method: keyof Soak;
  readonly args: readonly unknown[];
}
export type Answer = { readonly value: unknown } | { readonly error: string };

/** In the worker: one call after the other. */
export async function answer(soak: Soak, { method, args }: Call): Promise<Answer> {
  try {
    const perform = soak[method] as (...args: readonly unknown[]) => Promise<unknown>;
    return { value: await perform(...args) };
  } catch (thrown) {
    return { error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) };
  }
}

/** Outside of it. */
export function remoteSoak(ask: (call: Call) => Promise<Answer>): Soak {
  async function call<K extends keyof Soak>(
    method: K,
    ...args: Parameters<Soak[K]>
  ): Promise<Awaited<ReturnType<Soak[K]>>> {
    const answered = await ask({ method, args });
    if ('error' in answered) throw new Error(answered.error);
    return answered.value as Awaited<ReturnType<Soak[K]>>;
  }
  return {
    rounds: (from, count) => call('rounds', from, count),
    cancel: (jobs, seed) => call('cancel', jobs, seed),
    held: () => call('held'),
  };
}
