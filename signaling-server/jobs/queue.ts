/** Work that is to be done later, or again until it is done, and that outlives this process. */
export interface JobQueue {
  /**
   * Does what is sent under this name, here or on another replica, at least once. A handler that throws is called again later, and
   * after `retryLimit` times the job is dead: it is kept, and counted by {@link JobQueue.failed}.
   */
  work<T extends object>(
    name: string,
    handler: (data: T, signal: AbortSignal) => Promise<void>,
  ): Promise<void>;
  /** Durable before it resolves. Of the same name and `singletonKey` one waits at a time. */
  send(name: string, data: object, options?: SendJobOptions): Promise<void>;
  /** Whether a job with this key was sent under this name, done or not, within the last days. */
  has(name: string, singletonKey: string): Promise<boolean>;
  /** Jobs that are due or at work. */
  backlog(): Promise<number>;
  /** Dead ones, newest first. */
  failed(limit: number): Promise<readonly FailedJob[]>;
  /** Waits for handlers at work, as long as that is short; what is cut off is done again. */
  close(): Promise<void>;
}

export interface SendJobOptions {
  readonly startAfterMs?: number;
  readonly singletonKey?: string;
  /** Default 5; the pause doubles each time. */
  readonly retryLimit?: number;
}

export interface FailedJob {
  readonly id: string;
  readonly name: string;
  readonly failedAtMs: number;
  readonly retries: number;
}
