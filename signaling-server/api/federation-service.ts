import { hasCode } from '../../shared/errors/index.ts';
import { type Federation, mostParticipants, parseFederation } from '../../shared/federation/index.ts';
import type { Authorize } from '../access/authority.ts';
import type { Caller, Principal } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Page } from '../jobs/training.ts';
import type { PutOutcome } from '../storage/federation-repository.ts';
import type { Repository } from '../storage/repository.ts';
import type { RunSummary } from '../storage/run-repository.ts';

/** What binds this server alone, and so is no part of the document. */
export interface FederationSettings {
  readonly admission: 'open' | 'invitation' | 'members';
  /** `managed`: rounds only while a training says so. */
  readonly control: 'open' | 'managed';
  /** Name of the principal that created it; null where nobody in particular did. */
  readonly owner: string | null;
}

/** Where settings are kept. */
export interface SettingsStore {
  /** Open and open where nothing was set. */
  readSettings(federation: string): Promise<FederationSettings>;
  writeSettings(federation: string, settings: FederationSettings): Promise<void>;
  /** Open ones with this owner, where there are none yet. */
  claimSettings(federation: string, owner: string): Promise<void>;
}

/** A federation at a glance, as `GET /api/federation/status` shows it. */
export interface FederationStatus {
  readonly federation: string;
  readonly name: string;
  readonly revision: number;
  readonly settings: Omit<FederationSettings, 'owner'>;
  readonly run: RunSummary;
  /** Connected now. */
  readonly participants: number;
  /** Of those, how many a round needs, and takes. */
  readonly cohort: { readonly fewest: number; readonly most: number };
  readonly secureAggregation: boolean;
}

export interface FederationService {
  /**
   * Keeps a document. One that is known creates it in its own name; to change it takes the owner then, or an operator.
   * @throws `federation.invalid`, `federation.conflict`, `http.unauthorized`, `http.forbidden`.
   */
  create(
    caller: Caller,
    document: unknown,
  ): Promise<{ readonly federation: Federation; readonly outcome: PutOutcome }>;
  /** @throws `federation.unknown`; `http.unauthorized`, `http.forbidden` where the caller may not read of it. */
  get(caller: Caller, id: string): Promise<Federation>;
  /** In the order of ids. */
  list(
    caller: Caller,
    page: { readonly after?: string | undefined; readonly limit?: number | undefined },
  ): Promise<Page<Federation>>;
  /** @throws `federation.unknown`. */
  settings(caller: Caller, id: string): Promise<FederationSettings>;
  /** @throws `federation.unknown`. */
  configure(
    caller: Caller,
    id: string,
    change: Partial<Pick<FederationSettings, 'admission' | 'control'>>,
  ): Promise<FederationSettings>;
  /** @throws `federation.unknown`. */
  status(caller: Caller, id: string): Promise<FederationStatus>;
}

export interface FederationServiceOptions {
  readonly repository: Pick<Repository, 'putFederation' | 'getFederation' | 'listFederations' | 'currentRun'>;
  readonly settings: SettingsStore;
  readonly audit: Pick<AuditLog, 'record'>;
  /** How many participants of a federation are connected. */
  readonly countPeers: (federation: string) => number;
  readonly authorize: Authorize;
  /** Whether somebody may read of a federation: lists hold no others. */
  readonly isVisible: (caller: Caller, federation: string) => Promise<boolean>;
  /** After the settings of a federation changed. */
  readonly onSettings: (federation: string) => Promise<void>;
}

const DEFAULT_PAGE = 100;

export function createFederationService({
  repository,
  settings,
  audit,
  countPeers,
  authorize,
  isVisible,
  onSettings,
}: FederationServiceOptions): FederationService {
  /** What nobody owns and everybody may join, everybody may change: a class does. */
  async function checkMayReplace({ principal }: Caller, id: string): Promise<void> {
    const { owner, admission } = await settings.readSettings(id);
    if (owner === null && admission === 'open') return;
    await authorize(principal, 'federation:write', { federation: id });
  }

  async function find(id: string): Promise<Federation | undefined> {
    try {
      return await repository.getFederation(id);
    } catch (thrown) {
      if (!hasCode(thrown, 'federation.unknown')) throw thrown;
      return undefined;
    }
  }

  async function keep(federation: Federation): Promise<PutOutcome> {
    const outcome = await repository.putFederation(federation);
    // The run exists before anyone asks for it, so that asking changes nothing.
    await repository.currentRun(federation);
    return outcome;
  }

  /** Owned before it is there: were it the other way about, what failed between would leave it to everybody. */
  async function keepNew(caller: Caller, federation: Federation): Promise<PutOutcome> {
    const { principal } = caller;
    if (isKnown(principal)) {
      await settings.claimSettings(federation.id, principal.name);
      const { owner } = await settings.readSettings(federation.id);
      // Somebody else may have claimed it in the same moment.
      if (owner !== principal.name) await checkMayReplace(caller, federation.id);
    }
    return keep(federation);
  }

  return {
    async create(caller, document) {
      const federation = parseFederation(document);
      await checkMayReplace(caller, federation.id);
      const { id, revision } = federation;
      const known = await find(id);
      // Either it is there already, or it is refused.
      if (known !== undefined && revision <= known.revision)
        return { federation, outcome: await keep(federation) };
      const outcome = await audit.record(caller, {
        action: known === undefined ? 'federation.create' : 'federation.revise',
        subject: `federation:${id}`,
        ...(known === undefined ? {} : { before: { revision: known.revision } }),
        after: { revision },
        effect: () => (known === undefined ? keepNew(caller, federation) : keep(federation)),
      });
      return { federation, outcome };
    },

    async get({ principal }, id) {
      await authorize(principal, 'federation:read', { federation: id });
      return repository.getFederation(id);
    },

    async list(caller, { after, limit = DEFAULT_PAGE }) {
      const items: Federation[] = [];
      let from = after;
      for (;;) {
        const found = await repository.listFederations({ after: from, limit: limit + 1 });
        for (const federation of found) {
          if (!(await isVisible(caller, federation.id))) continue;
          // One more than asked for tells that there is another page.
          if (items.length === limit) return { items, next: items.at(-1)!.id };
          items.push(federation);
        }
        if (found.length <= limit) return { items, next: null };
        from = found.at(-1)!.id;
      }
    },

    async settings(_caller, id) {
      await repository.getFederation(id);
      return settings.readSettings(id);
    },

    async configure(caller, id, change) {
      await repository.getFederation(id);
      const before = await settings.readSettings(id);
      const after = { ...before, ...change };
      if (before.admission === after.admission && before.control === after.control) return before;
      await audit.record(caller, {
        action: 'federation.configure',
        subject: `federation:${id}`,
        before: { admission: before.admission, control: before.control },
        after: { admission: after.admission, control: after.control },
        effect: () => settings.writeSettings(id, after),
      });
      await onSettings(id);
      return after;
    },

    async status(caller, id) {
      await authorize(caller.principal, 'federation:read', { federation: id });
      const federation = await repository.getFederation(id);
      const [run, { admission, control }] = await Promise.all([
        repository.currentRun(federation),
        settings.readSettings(id),
      ]);
      return {
        federation: id,
        name: federation.name,
        revision: federation.revision,
        settings: { admission, control },
        run,
        participants: countPeers(id),
        cohort: { fewest: federation.cohort.minParticipants, most: mostParticipants(federation.cohort) },
        secureAggregation: federation.privacy.secureAggregation === 'secagg',
      };
    },
  };
}

/** Somebody that can prove tomorrow to be the same. */
function isKnown({ kind }: Principal): boolean {
  return kind !== 'anonymous' && kind !== 'invitation' && kind !== 'participant';
}
