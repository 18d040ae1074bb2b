import type { Side, StepJob } from './side.ts';

/** What a side trains: one model, some variables, one batch. */
export interface Trainee {
  /** One step of SGD. @returns the loss before it, once the step is done. */
  step(): Promise<number>;
  dispose(): void;
}

/** The part of a side that keeps jobs and times their steps. */
export function jobTimer(
  create: (job: StepJob) => Trainee | Promise<Trainee>,
): Pick<Side, 'prepare' | 'step' | 'release'> {
  const trainees = new Map<string, Trainee>();
  return {
    async prepare(job) {
      trainees.get(job.id)?.dispose();
      trainees.set(job.id, await create(job));
    },
    async step(ids, turns) {
      const steps = ids.map((id) => ({ id, ms: [] as number[], losses: [] as number[] }));
      for (let turn = 0; turn < turns; turn++) {
        // Back and forth, so that none always follows the same other.
        for (const { id, ms, losses } of turn % 2 === 0 ? steps : steps.toReversed()) {
          const startMs = performance.now();
          losses.push(await trainees.get(id)!.step());
          ms.push(performance.now() - startMs);
        }
      }
      return steps;
    },
    async release() {
      for (const trainee of trainees.values()) trainee.dispose();
      trainees.clear();
    },
  };
}
