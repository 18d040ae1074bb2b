import { count, eq } from 'drizzle-orm';
import type { Logger } from 'pino';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Identity } from '../../shared/identity/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import type { LiveFederations } from '../api/live-federations.ts';
import { type CheckpointKeeper, keepCheckpoints } from '../audit/checkpoint-keeper.ts';
import type { ServerAuditLog } from '../audit/create-audit-log.ts';
import { type AuditFeed, startFeed } from '../audit/feed.ts';
import { senderTo } from '../audit/siem-senders.ts';
import type { SiemTarget } from '../audit/siem-url.ts';
import { checkClock } from '../clock-check.ts';
import type { ServerConfig } from '../config.ts';
import type { ServerEvents } from '../events.ts';
import type { HubServer } from '../hub/index.ts';
import type { JobQueue } from '../jobs/queue.ts';
import type { Leadership, Lease } from '../replicas/leadership.ts';
import type { Database } from '../storage/database.ts';
import type { Repository } from '../storage/repository.ts';
import { federationSettings, members } from '../storage/schema.ts';
import { createAccounts } from './accounts.ts';
import { type Consents, createConsents } from './consent.ts';
import { createDeletion } from './deletion.ts';
import type { ErasedRegister } from './erased.ts';
import { type FederationFacts, processingRecord } from './processing-record.ts';
import { createRetention, runRetention } from './retention.ts';
import { createRightsService, type RightsService } from './rights-service.ts';

export interface RightsContext {
  readonly config: ServerConfig;
  readonly database: Database;
  /** Guarded by `guardErased`. */
  readonly repository: Repository;
  readonly audit: ServerAuditLog;
  readonly events: Pick<ServerEvents, 'emit'>;
  readonly erased: ErasedRegister;
  readonly identity: Identity;
  readonly random: CryptoRandom;
  readonly live: Pick<LiveFederations, 'rollBack'>;
  readonly log: Logger;
}

export interface Rights {
  readonly service: RightsService;
  readonly consents: Consents;
  /** The live parts come later: until then nobody is connected. */
  useLive(parts: Pick<HubServer, 'expel'>): void;
  /** Signs the audit log, feeds it to a SIEM, sweeps by age, and goes on with deletions that were cut short. */
  start(parts: { readonly queue: JobQueue; readonly leadership: Leadership }): Promise<void>;
  close(): Promise<void>;
}

/** No federation can have this name. */
const FEED_LEASE = 'audit feed';
const ROLL_BACK_TIMEOUT_MS = 60_000;
const PAGE = 200;

/** Audit that is signed and fed, and the rights of data subjects, as one part of the server. */
export function openRights(context: RightsContext): Rights {
  const { config, database, repository, audit, events, erased, identity, random, live, log } = context;
  const { blobs, getFederation } = repository;
  let parts: Parameters<Rights['useLive']>[0] | undefined;
  let closers: (() => Promise<unknown>)[] = [];

  const consents = createConsents({
    database,
    getFederation,
    audit,
    bar: async (federation, participant, reason) => parts?.expel(participant, reason, federation),
  });

  const deletion = createDeletion({
    database,
    blobs,
    audit,
    erased,
    identity,
    random,
    ports: {
      // Coordinators hear that it left, and end what it was in; what they know of it goes with them.
      forgetParticipant: async (participant) => parts?.expel(participant, wasDeleted()),
      tellErased: (participant, federations) =>
        events.emit({ type: 'participant-erased', participant, federations }),
      async rollBack(run, version) {
        const { federation } = await repository.getRun(run);
        const { hash } = await repository.findVersion(run, version);
        await live.rollBack(federation, { version, hash }, AbortSignal.timeout(ROLL_BACK_TIMEOUT_MS));
      },
    },
  });

  async function* federations(): AsyncGenerator<FederationFacts> {
    let after: string | undefined;
    while (true) {
      const page = await repository.listFederations({ after, limit: PAGE });
      for (const document of page) {
        const [settings] = await database.run((db) =>
          db.select().from(federationSettings).where(eq(federationSettings.federation, document.id)),
        );
        const [known] = await database.run((db) =>
          db.select({ rows: count() }).from(members).where(eq(members.federation, document.id)),
        );
        const admission = settings?.admission ?? 'open';
        yield { document, admission, participants: Number(known?.rows ?? 0) };
      }
      if (page.length < PAGE) return;
      after = page.at(-1)!.id;
    }
  }

  const service = createRightsService({
    database,
    audit,
    consents,
    deletion,
    accounts: createAccounts({ database, audit, identity, random }),
    async record() {
      const facts: FederationFacts[] = [];
      for await (const each of federations()) facts.push(each);
      const { organisation, contact, publicOrigin, retention, siem } = config;
      return processingRecord(
        {
          organisation,
          contact,
          publicOrigin,
          database: database.kind,
          blobs: config.blobPlace === undefined ? 'files' : 's3',
          siemHost: siem && hostOf(siem),
          turnHosts: config.ice.turnUrls.map((url) => url.replace(/^turns?:/, '').replace(/[:?].*$/, '')),
          retention,
          hasAccounts: true,
        },
        facts,
        Date.now(),
      );
    },
  });

  function openFeed(target: SiemTarget, leadership: Leadership): AuditFeed {
    let lease: Lease | undefined;
    const feed = startFeed({
      name: `siem:${hostOf(target)}`,
      audit,
      database,
      sender: senderTo(target),
      leads: async () => {
        if (lease?.held !== true) lease = await leadership.lead(FEED_LEASE, { onLost: () => undefined });
        return lease?.held === true;
      },
      log,
    });
    closers.push(async () => {
      await feed.close();
      await lease?.release();
    });
    return feed;
  }

  return {
    service,
    consents,
    useLive(opened) {
      parts = opened;
    },
    async start({ queue, leadership }) {
      const keeper: CheckpointKeeper = await keepCheckpoints(audit, log);
      closers.push(keeper.close);
      const feed = config.siem && openFeed(config.siem, leadership);
      const retention = createRetention({
        database,
        blobs,
        audit,
        deletion,
        periods: config.retention,
        ...(feed === undefined ? {} : { fedSeq: feed.takenSeq }),
        checkClock: () => checkClock(database),
        log,
      });
      const sweeping = await runRetention(
        {
          sweep: async () => {
            await deletion.resume();
            return retention.sweep();
          },
        },
        log,
        queue,
      );
      closers.push(sweeping.close);
      // What was cut short goes on while the server starts; what fails is tried again with the next sweep.
      const resumed = deletion
        .resume()
        .catch((err: unknown) => log.error({ err }, 'a deletion that was cut short could not go on'));
      closers.push(() => resumed);
    },
    async close() {
      const closing = closers.reverse();
      closers = [];
      for (const close of closing) await close();
    },
  };
}

function wasDeleted(): MurmurationError {
  return new MurmurationError('access.not-admitted', 'What this device was here is deleted.', {
    remedy: 'Take part with a new identity, if you want to take part again.',
  });
}

function hostOf(target: SiemTarget): string {
  return target.kind === 'https' ? new URL(target.url).host : `${target.host}:${target.port}`;
}
