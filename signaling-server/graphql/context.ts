import type { Authorize } from '../access/authority.ts';
import type { Permission } from '../access/permission.ts';
import type { Caller } from '../access/principal.ts';
import type { Services } from '../api/services.ts';
import type { Repository } from '../storage/repository.ts';

/** What this door calls. */
export type GraphqlServices = Pick<
  Services,
  | 'trainings'
  | 'alerts'
  | 'access'
  | 'audit'
  | 'budgets'
  | 'federations'
  | 'versions'
  | 'rounds'
  | 'metrics'
  | 'system'
  | 'events'
>;

/** What every field is resolved with. */
export interface GraphqlContext {
  readonly caller: Caller;
  readonly services: GraphqlServices;
  readonly repository: Pick<Repository, 'getRun'>;
  readonly authorize: Authorize;
  /**
   * Whether the caller may still, by the credential of its request as it is now: asked now and then of whoever goes on being told.
   * @throws as {@link Authorize}; `access.*` for a credential that has ended.
   */
  readonly stillMay: (permission: Permission, federation: string) => Promise<void>;
  /** How often that is asked. */
  readonly reviewMs: number;
  /** @throws `wire.rate-limited` when the caller changed too much of late, through whatever door. */
  readonly countWrite: () => Promise<void>;
  /** Of the request: the same again under the same key is carried out once. */
  readonly idempotencyKey: string | undefined;
  /** Aborted when whoever asked is gone, or the server stops. */
  readonly signal: AbortSignal;
}
