import { check } from '../../shared/errors/index.ts';
import type { Alert, AlertQuery } from '../alerts/alert.ts';
import { ALERT_KINDS } from '../alerts/alert.ts';
import type { AuditEntry } from '../audit/audit-log.ts';
import { defined } from '../http/defined.ts';
import { checkReachesAll, reachOf } from '../http/reach.ts';
import { noteReading } from '../privacy/note-reading.ts';
import { isSubjectKind, type Subject } from '../privacy/subject.ts';
import { type Builder, type Connections, limitOf } from './builder.ts';
import { access, withParent } from './field-access.ts';
import { idOf } from './training-fields.ts';

const SEVERITIES: readonly Alert['severity'][] = ['info', 'warning', 'critical'];

/** Alerts, the audit log, budgets, and the server as a whole. */
export function addOperatorFields(builder: Builder, connectionOf: Connections): void {
  const AlertKind = builder.enumType('AlertKind', {
    values: Object.fromEntries(
      ALERT_KINDS.map((kind) => [kind.toUpperCase().replaceAll('-', '_'), { value: kind }]),
    ),
  });
  const AlertType = builder.objectRef<Alert>('Alert');
  const Alerts = connectionOf(
    'Alert',
    AlertType.implement({
      fields: (t) => ({
        id: t.exposeID('id', withParent),
        kind: t.exposeString('kind', withParent),
        severity: t.exposeString('severity', withParent),
        federation: t.exposeID('federation', { nullable: true, ...withParent }),
        training: t.exposeID('training', { nullable: true, ...withParent }),
        summary: t.exposeString('summary', withParent),
        value: t.exposeFloat('value', { nullable: true, ...withParent }),
        threshold: t.exposeFloat('threshold', { nullable: true, ...withParent }),
        startedAtMs: t.exposeFloat('startedAtMs', withParent),
        resolvedAtMs: t.exposeFloat('resolvedAtMs', { nullable: true, ...withParent }),
        acknowledgedAtMs: t.exposeFloat('acknowledgedAtMs', { nullable: true, ...withParent }),
        acknowledgedBy: t.exposeString('acknowledgedBy', { nullable: true, ...withParent }),
        silencedUntilMs: t.exposeFloat('silencedUntilMs', { nullable: true, ...withParent }),
      }),
    }),
  );
  const Entries = connectionOf(
    'AuditEntry',
    builder.objectRef<AuditEntry>('AuditEntry').implement({
      fields: (t) => ({
        seq: t.exposeFloat('seq', withParent),
        atMs: t.exposeFloat('atMs', withParent),
        actor: t.exposeString('actor', withParent),
        role: t.exposeString('role', { nullable: true, ...withParent }),
        address: t.exposeString('address', withParent),
        requestId: t.exposeString('requestId', withParent),
        action: t.exposeString('action', withParent),
        subject: t.exposeString('subject', withParent),
        before: t.field({
          type: 'JSON',
          nullable: true,
          resolve: ({ before }) => before ?? null,
          ...withParent,
        }),
        after: t.field({
          type: 'JSON',
          nullable: true,
          resolve: ({ after }) => after ?? null,
          ...withParent,
        }),
        outcome: t.string({ resolve: ({ outcome }) => outcome ?? 'done', ...withParent }),
        code: t.string({ nullable: true, resolve: ({ code }) => code ?? null, ...withParent }),
        previousHash: t.exposeString('previousHash', withParent),
        hash: t.exposeString('hash', withParent),
      }),
    }),
  );
  type FederationArgs = { federation?: string | number | null };
  type SubjectArgs = { kind: string; id: string | number };

  builder.queryFields((t) => ({
    alerts: t.field({
      type: Alerts,
      args: {
        federation: t.arg.id({ required: false }),
        training: t.arg.id({ required: false }),
        kind: t.arg({ type: AlertKind, required: false }),
        severity: t.arg.string({ required: false, description: SEVERITIES.join(', ') }),
        state: t.arg.string({ required: false, description: 'firing or resolved' }),
        after: t.arg.string({ required: false }),
        first: t.arg.int({ required: false }),
      },
      resolve: (_, { federation, training, kind, severity, state, after, first }, { services, caller }) => {
        check(
          severity == null || SEVERITIES.some((each) => each === severity),
          'http.bad-request',
          'There is no such severity.',
          { path: 'severity', expected: SEVERITIES.join(', ') },
        );
        check(
          state == null || state === 'firing' || state === 'resolved',
          'http.bad-request',
          'There is no such state.',
          {
            path: 'state',
            expected: 'firing or resolved',
          },
        );
        return services.alerts.list(
          caller,
          defined({
            federation: reachOf(caller, idOf(federation)),
            training: idOf(training),
            kind: (kind as Alert['kind'] | null | undefined) ?? undefined,
            severity: (severity as Alert['severity'] | null) ?? undefined,
            state: (state as AlertQuery['state'] | null) ?? undefined,
            after: after ?? undefined,
            limit: limitOf(first),
          }),
        );
      },
      ...access('alert:read', (_, { federation }: FederationArgs) => idOf(federation)),
    }),
    audit: t.field({
      type: Entries,
      args: {
        action: t.arg.string({ required: false }),
        subject: t.arg.string({ required: false }),
        actor: t.arg.string({ required: false }),
        fromMs: t.arg.float({ required: false }),
        toMs: t.arg.float({ required: false }),
        after: t.arg.string({ required: false }),
        first: t.arg.int({ required: false }),
      },
      resolve: (_, { action, subject, actor, fromMs, toMs, after, first }, { services }) =>
        services.audit.list(
          defined({
            action: action ?? undefined,
            subject: subject ?? undefined,
            actor: actor ?? undefined,
            fromMs: fromMs ?? undefined,
            toMs: toMs ?? undefined,
            after: after ?? undefined,
            limit: limitOf(first),
          }),
        ),
      ...access('audit:read'),
    }),
    privacyBudget: t.field({
      type: 'JSON',
      description: 'Of a participant, user, department or federation',
      args: { kind: t.arg.string({ required: true }), id: t.arg.id({ required: true }) },
      async resolve(_, { kind, id }, { services, caller }) {
        const subject = subjectOf(kind, String(id));
        if (subject.kind !== 'federation') checkReachesAll(caller);
        await noteReading(services.audit, caller, [subject]);
        return services.budgets.budgetOf(subject);
      },
      ...access('privacy:read', (_, { kind, id }: SubjectArgs) =>
        kind === 'federation' ? String(id) : undefined,
      ),
    }),
    systemHealth: t.field({
      type: 'JSON',
      resolve: (_, _args, { services, caller }) => services.system.health(caller),
      ...access('system:read'),
    }),
  }));

  builder.mutationFields((t) => ({
    acknowledgeAlert: t.field({
      type: AlertType,
      args: { id: t.arg.id({ required: true }) },
      resolve: (_, { id }, { services, caller }) => services.alerts.acknowledge(caller, String(id)),
      // The service answers for no more than the caller reaches.
      ...access('alert:write', () => undefined),
    }),
  }));
}

function subjectOf(kind: string, id: string): Subject {
  check(isSubjectKind(kind), 'http.bad-request', 'Nothing of this kind has a budget.', {
    path: 'kind',
    expected: 'participant, user, department or federation',
  });
  return { kind, id };
}
