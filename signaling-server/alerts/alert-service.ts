import { randomBytes } from 'node:crypto';
import { check, checkInteger, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import { reachesAll } from '../access/authority.ts';
import type { Caller } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { ALERT_KINDS, type Alert, type AlertQuery, type AlertService } from './alert.ts';
import { type AlertPlace, type AlertRepository, alertFrom, webhookFrom } from './alert-repository.ts';
import type { Alerting } from './alerting.ts';
import { checkWebhookUrl } from './webhook-target.ts';

export interface AlertServiceOptions {
  readonly repository: AlertRepository;
  readonly alerting: Pick<Alerting, 'firing'>;
  readonly audit: Pick<AuditLog, 'record'>;
  /** WEBHOOK_ALLOW_PRIVATE. */
  readonly allowPrivateWebhooks: boolean;
  readonly nowMs?: () => number;
}

const USUAL_PAGE = 50;
const MAX_PAGE = 200;
const MAX_WEBHOOKS = 50;
const MAX_REASON = 500;
const LONGEST_SILENCE_MS = 365 * 24 * 3600_000;

/** A caller that is bound to one federation meets the alerts of that one only, and none of its webhooks are its own. */
export function alertService({
  repository,
  alerting,
  audit,
  allowPrivateWebhooks,
  nowMs = Date.now,
}: AlertServiceOptions): AlertService {
  async function getFor({ principal }: Caller, id: string): Promise<Alert> {
    const row = await repository.get(id);
    const isVisible =
      row !== undefined &&
      (principal.federation === undefined ? reachesAll(principal) : row.federation === principal.federation);
    if (!isVisible) throw notFound('alert');
    return alertFrom(row, await repository.listSilences(nowMs()));
  }

  /** While the database is away, what fires here is told from memory: that is when somebody looks. */
  async function listFromMemory(query: AlertQuery, cause: unknown) {
    if (query.state === 'resolved' || query.after !== undefined) throw cause;
    const items = alerting
      .firing()
      .filter(({ training }) => query.training === undefined || training === query.training)
      .filter(({ federation }) => query.federation === undefined || federation === query.federation)
      .filter(({ severity }) => query.severity === undefined || severity === query.severity)
      .filter(({ kind }) => query.kind === undefined || kind === query.kind)
      .sort((a, b) => b.startedAtMs - a.startedAtMs);
    return { items: items.slice(0, query.limit ?? USUAL_PAGE), next: null };
  }

  return {
    async list({ principal }, asked) {
      const query = {
        ...asked,
        ...(principal.federation === undefined ? {} : within(principal.federation, asked)),
      };
      const limit = query.limit ?? USUAL_PAGE;
      checkInteger('limit', limit, 1, MAX_PAGE);
      const after = query.after === undefined ? undefined : placeFrom(query.after);
      try {
        const rows = await repository.list(query, after, limit + 1);
        const silences = await repository.listSilences(nowMs());
        const items = rows.slice(0, limit).map((row) => alertFrom(row, silences));
        return { items, next: rows.length > limit ? textOf(items.at(-1)!) : null };
      } catch (thrown) {
        if (!hasCode(thrown, 'storage.unavailable')) throw thrown;
        return listFromMemory(query, thrown);
      }
    },

    async acknowledge(caller, id) {
      const { kind, acknowledgedBy } = await getFor(caller, id);
      await audit.record(caller, {
        action: 'alert.acknowledge',
        subject: `alert:${id}`,
        before: { acknowledgedBy },
        after: { kind },
        effect: () => repository.acknowledge(id, caller.principal.name, nowMs()),
      });
      return getFor(caller, id);
    },

    async silence(caller, { kind, federation, untilMs, reason }) {
      check(
        kind === null || ALERT_KINDS.includes(kind),
        'argument.invalid',
        'There is no such kind of alert.',
        {
          path: 'kind',
          expected: ALERT_KINDS.join(', '),
        },
      );
      check(reason.length <= MAX_REASON, 'argument.invalid', 'The reason is too long.', {
        path: 'reason',
        expected: `at most ${MAX_REASON} characters`,
      });
      const now = nowMs();
      checkInteger('untilMs', untilMs, now + 1, now + LONGEST_SILENCE_MS);
      const bound = caller.principal.federation;
      if (bound !== undefined && bound !== federation) throw outsideOf(bound);
      const silence = { id: newId(), kind, federation, untilMs, reason, createdBy: caller.principal.name };
      await audit.record(caller, {
        action: 'alert.silence',
        subject: `silence:${silence.id}`,
        after: { kind, federation, untilMs },
        effect: () => repository.addSilence(silence),
      });
      return silence;
    },

    async listSilences({ principal }) {
      const silences = await repository.listSilences(nowMs());
      return silences.filter(({ federation }) => (principal.federation ?? federation) === federation);
    },

    async endSilence(caller, id) {
      const known = (await this.listSilences(caller)).find((silence) => silence.id === id);
      if (known === undefined) throw notFound('silence');
      const { kind, federation, untilMs } = known;
      await audit.record(caller, {
        action: 'alert.silence-ended',
        subject: `silence:${id}`,
        before: { kind, federation, untilMs },
        async effect() {
          if (!(await repository.endSilence(id))) throw notFound('silence');
        },
      });
    },

    async listWebhooks({ principal }) {
      if (principal.federation !== undefined) throw outsideOf(principal.federation);
      return (await repository.listWebhooks()).map(webhookFrom);
    },

    async addWebhook(caller, { url: text, kinds }) {
      if (caller.principal.federation !== undefined) throw outsideOf(caller.principal.federation);
      const url = checkWebhookUrl(text, allowPrivateWebhooks);
      check(
        kinds.every((kind) => ALERT_KINDS.includes(kind)),
        'argument.invalid',
        'There is no such kind of alert.',
        {
          path: 'kinds',
          expected: ALERT_KINDS.join(', '),
        },
      );
      const existing = await repository.listWebhooks();
      check(existing.length < MAX_WEBHOOKS, 'http.conflict', 'There are too many webhooks.', {
        expected: `at most ${MAX_WEBHOOKS}`,
        remedy: 'Remove one first.',
      });
      const secret = randomBytes(32).toString('base64url');
      const webhook = { id: newId(), url: url.href, kinds: [...new Set(kinds)], createdAtMs: nowMs() };
      await audit.record(caller, {
        action: 'alert.webhook-added',
        subject: `webhook:${webhook.id}`,
        // The rest of the address may be a secret.
        after: { origin: url.origin, kinds: webhook.kinds },
        effect: () => repository.addWebhook({ ...webhook, secret }),
      });
      return { ...webhook, secret };
    },

    async removeWebhook(caller, id) {
      if (caller.principal.federation !== undefined) throw outsideOf(caller.principal.federation);
      const known = await repository.getWebhook(id);
      if (known === undefined) throw notFound('webhook');
      await audit.record(caller, {
        action: 'alert.webhook-removed',
        subject: `webhook:${id}`,
        before: { origin: new URL(known.url).origin, kinds: known.kinds },
        async effect() {
          if (!(await repository.removeWebhook(id))) throw notFound('webhook');
        },
      });
    },
  };
}

function within(bound: string, { federation }: AlertQuery): { readonly federation: string } {
  if (federation !== undefined && federation !== bound) throw outsideOf(bound);
  return { federation: bound };
}

function newId(): string {
  return randomBytes(16).toString('base64url');
}

function textOf({ startedAtMs, id }: AlertPlace): string {
  return `${startedAtMs}.${id}`;
}

function placeFrom(text: string): AlertPlace {
  const match = /^(\d{1,15})\.([\w-]{1,64})$/.exec(text);
  check(match !== null, 'argument.invalid', 'This is not where a page of alerts ends.', {
    path: 'after',
    expected: 'what the page before gave as `next`',
  });
  return { startedAtMs: Number(match[1]), id: match[2]! };
}

function notFound(what: string): MurmurationError {
  return new MurmurationError('http.not-found', `There is no such ${what}.`, { remedy: 'Check its id.' });
}

function outsideOf(federation: string): MurmurationError {
  return new MurmurationError(
    'http.forbidden',
    'This concerns more than the one federation that may be seen.',
    {
      expected: `federation ${federation}`,
    },
  );
}
