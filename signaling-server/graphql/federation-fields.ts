import type { Federation } from '../../shared/federation/index.ts';
import type { FederationStatus } from '../api/federation-service.ts';
import type { Version } from '../storage/version-repository.ts';
import { type Builder, type Connections, limitOf } from './builder.ts';
import type { GraphqlContext } from './context.ts';
import { access, withParent } from './field-access.ts';
import { idOf } from './training-fields.ts';

const ofRun = async (
  _: unknown,
  { run }: { run: string | number },
  { repository }: GraphqlContext,
): Promise<string> => (await repository.getRun(String(run))).federation;

/** Federations, and the versions of their models. */
export function addFederationFields(builder: Builder, connectionOf: Connections): void {
  const Status = builder.objectRef<FederationStatus>('FederationStatus').implement({
    fields: (t) => ({
      run: t.id({ resolve: ({ run }) => run.id, ...withParent }),
      runStatus: t.string({ resolve: ({ run }) => run.status, ...withParent }),
      round: t.int({ resolve: ({ run }) => run.round, ...withParent }),
      participants: t.exposeInt('participants', withParent),
      admission: t.string({ resolve: ({ settings }) => settings.admission, ...withParent }),
      control: t.string({ resolve: ({ settings }) => settings.control, ...withParent }),
      secureAggregation: t.exposeBoolean('secureAggregation', withParent),
    }),
  });
  const FederationType = builder.objectRef<Federation>('Federation');
  FederationType.implement({
    fields: (t) => ({
      id: t.exposeID('id', withParent),
      name: t.exposeString('name', withParent),
      description: t.exposeString('description', withParent),
      revision: t.exposeInt('revision', withParent),
      document: t.field({ type: 'JSON', resolve: (federation) => federation, ...withParent }),
      status: t.field({
        type: Status,
        resolve: ({ id }, _, { services, caller }) => services.federations.status(caller, id),
        ...withParent,
      }),
    }),
  });
  const Federations = connectionOf('Federation', FederationType);
  const VersionType = builder.objectRef<Version>('ModelVersion');
  VersionType.implement({
    fields: (t) => ({
      version: t.exposeInt('version', withParent),
      hash: t.exposeString('hash', withParent),
      facts: t.field({
        type: 'JSON',
        description: 'As GET /api/runs/{run}/versions tells it',
        resolve: (version) => version,
        ...withParent,
      }),
    }),
  });
  const Versions = connectionOf('ModelVersion', VersionType);

  builder.queryFields((t) => ({
    federation: t.field({
      type: FederationType,
      args: { id: t.arg.id({ required: true }) },
      resolve: (_, { id }, { services, caller }) => services.federations.get(caller, String(id)),
      ...access('federation:read', (_, { id }: { id: string | number }) => String(id)),
    }),
    federations: t.field({
      type: Federations,
      args: { after: t.arg.string({ required: false }), first: t.arg.int({ required: false }) },
      resolve: (_, { after, first }, { services, caller }) =>
        services.federations.list(caller, { after: after ?? undefined, limit: limitOf(first) }),
      // The service shows those that the caller may see.
      ...access('public'),
    }),
    versions: t.field({
      type: Versions,
      args: {
        run: t.arg.id({ required: true }),
        after: t.arg.string({ required: false, description: 'endCursor of the page before' }),
        first: t.arg.int({ required: false }),
      },
      resolve: (_, { run, after, first }, { services, caller }) =>
        services.versions.lineage(caller, String(run), {
          from: after == null ? undefined : Math.max(0, Number(after) || 0),
          limit: limitOf(first),
        }),
      ...access('model:read', ofRun),
    }),
  }));

  builder.mutationFields((t) => ({
    rollBack: t.field({
      type: 'JSON',
      description: 'Makes an earlier version the newest; hash confirms which one is meant',
      args: {
        run: t.arg.id({ required: true }),
        to: t.arg.int({ required: true }),
        hash: t.arg.string({ required: true }),
      },
      resolve: (_, { run, to, hash }, { services, caller, signal }) =>
        services.versions.rollBack(caller, String(run), { to, hash }, signal),
      ...access('model:write', ofRun),
    }),
    promote: t.field({
      type: 'JSON',
      description: 'Makes a version the one that its federation hands out; hash confirms which one is meant',
      args: {
        run: t.arg.id({ required: true }),
        version: t.arg.int({ required: true }),
        hash: t.arg.string({ required: true }),
      },
      resolve: (_, { run, version, hash }, { services, caller }) =>
        services.versions.promote(caller, idOf(run)!, version, hash),
      ...access('model:write', ofRun),
    }),
  }));
}
