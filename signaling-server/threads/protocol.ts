import type { ErrorRecord } from '../../shared/errors/index.ts';

/** To a thread that does jobs. */
export type JobRequest<Job> = { readonly id: number; readonly job: Job } | { readonly cancel: number };

/** From it: once that it is fit for work or why not, then an answer to each job. */
export type JobReply<Ready, Result> =
  | { readonly ready: Ready }
  | { readonly unfit: ErrorRecord }
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: ErrorRecord };
