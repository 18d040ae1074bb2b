import type { TrainingModel } from '../../shared/testing/training-models.ts';

/**
 * One way to train, in a process or worker of its own: registering kernels changes a whole realm, so that stock
 * tfjs and ours must never meet in one.
 */
export const COLUMNS = [
  'stock-cpu',
  'stock-wasm',
  'ours-wasm',
  'ours-cpu',
  'ours-webgl',
  'ours-webgpu',
] as const;
export type Column = (typeof COLUMNS)[number];
export type Backend = 'cpu' | 'wasm' | 'webgl' | 'webgpu';

export function backendOf(column: Column): Backend {
  return column.replace(/^\w+-/, '') as Backend;
}

export interface StepJob {
  readonly id: string;
  readonly model: TrainingModel;
  readonly batchSize: number;
  /** Clips each example and adds noise; ours only. */
  readonly isPrivate: boolean;
  /** In the order of the model's layout. */
  readonly weights: Float32Array;
}

export interface Steps {
  readonly id: string;
  readonly ms: readonly number[];
  /** Before each step. */
  readonly losses: readonly number[];
}

/** [rows, inner] · [inner, columns], either one as its transpose. */
export interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

export interface ProductRates {
  /** Of multiply-adds on registers alone, as 2 operations each. */
  readonly peakGflops: number;
  /** One per product. */
  readonly gflops: readonly number[];
}

/** What is asked of it, one call at a time. Arguments and results can be cloned. */
export interface Side {
  /** Loads the backend. @returns what it runs on, in words. @throws why it cannot. */
  start(backend: Backend): Promise<string>;
  prepare(job: StepJob): Promise<void>;
  /** Steps of each job in turn, so that what else the machine does hits all of them. */
  step(ids: readonly string[], turns: number): Promise<readonly Steps[]>;
  /** Forgets all jobs. */
  release(): Promise<void>;
  /** Medians, the peak measured between the products. */
  products(products: readonly Product[], repeats: number): Promise<ProductRates>;
}

export interface Call {
  readonly method: keyof Side;
  readonly args: readonly unknown[];
}
export type Answer = { readonly value: unknown } | { readonly error: string };

/** At the far end of a worker or process. */
export async function answer(side: Side, { method, args }: Call): Promise<Answer> {
  try {
    const perform = side[method] as (...args: readonly unknown[]) => Promise<unknown>;
    return { value: await perform(...args) };
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** At the near end. */
export function remoteSide(ask: (call: Call) => Promise<Answer>): Side {
  async function call<K extends keyof Side>(
    method: K,
    ...args: Parameters<Side[K]>
  ): Promise<Awaited<ReturnType<Side[K]>>> {
    const answered = await ask({ method, args });
    if ('error' in answered) throw new Error(answered.error);
    return answered.value as Awaited<ReturnType<Side[K]>>;
  }
  return {
    start: (backend) => call('start', backend),
    prepare: (job) => call('prepare', job),
    step: (ids, turns) => call('step', ids, turns),
    release: () => call('release'),
    products: (products, repeats) => call('products', products, repeats),
  };
}
