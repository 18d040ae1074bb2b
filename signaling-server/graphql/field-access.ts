import { defaultFieldResolver, type GraphQLField, type GraphQLSchema, isObjectType } from 'graphql';
import { check } from '../../shared/errors/index.ts';
import type { Permission } from '../access/permission.ts';
import type { GraphqlContext } from './context.ts';

/** Who may see a field, and which federation that is about. */
export interface FieldAccess<Parent = unknown, Args = unknown> {
  /** `with-parent`: whoever may see the object it is a field of. */
  readonly permission: Permission | 'with-parent';
  /**
   * As for routes: left out, the field is about the server as a whole; resolving to undefined, about no federation in particular, and
   * the answer holds no more than the caller reaches.
   */
  readonly federation?: (
    parent: Parent,
    args: Args,
    context: GraphqlContext,
  ) => string | undefined | Promise<string | undefined>;
}

const KEY = 'access';

/** The option that every field has to have. */
export function access<Parent, Args>(
  permission: Permission,
  federation?: (
    parent: Parent,
    args: Args,
    context: GraphqlContext,
  ) => string | undefined | Promise<string | undefined>,
): { readonly extensions: { readonly access: FieldAccess<never, never> } } {
  const rule = federation === undefined ? { permission } : { permission, federation };
  return { extensions: { [KEY]: rule as FieldAccess<never, never> } };
}

export const withParent = {
  extensions: { [KEY]: { permission: 'with-parent' } satisfies FieldAccess },
} as const;

export function accessOf(field: GraphQLField<unknown, GraphqlContext>): FieldAccess | undefined {
  return field.extensions[KEY] as FieldAccess | undefined;
}

export interface FieldOfSchema {
  /** `Type.field`. */
  readonly name: string;
  readonly root: 'query' | 'mutation' | 'subscription' | undefined;
  readonly field: GraphQLField<unknown, GraphqlContext>;
}

/** Every field of every object type that is ours. */
export function* fieldsOf(schema: GraphQLSchema): Generator<FieldOfSchema> {
  const roots = new Map<unknown, FieldOfSchema['root']>([
    [schema.getQueryType(), 'query'],
    [schema.getMutationType(), 'mutation'],
    [schema.getSubscriptionType(), 'subscription'],
  ]);
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields()))
      yield { name: `${type.name}.${field.name}`, root: roots.get(type), field };
  }
}

/**
 * Has every field ask the guard before it is resolved, or subscribed to. SPEC O-01.
 * @throws `internal` for a field that says nothing of who may see it, and for one at the root that leaves it to a parent.
 */
export function guardFields(schema: GraphQLSchema): GraphQLSchema {
  for (const { name, root, field } of fieldsOf(schema)) {
    const rule = accessOf(field);
    check(
      rule !== undefined && !(root !== undefined && rule.permission === 'with-parent'),
      'internal',
      'A field has no guard.',
      {
        path: name,
        expected: 'access(permission) or, below the root, withParent among its options',
      },
    );
    if (rule.permission === 'with-parent') continue;
    const { permission } = rule;
    const guard = async (parent: unknown, args: unknown, context: GraphqlContext): Promise<void> => {
      const concern =
        rule.federation === undefined
          ? undefined
          : { federation: await rule.federation(parent, args, context) };
      await context.authorize(context.caller.principal, permission, concern);
      if (root === 'mutation') await context.countWrite();
    };
    const { subscribe, resolve = defaultFieldResolver } = field;
    if (subscribe !== undefined) {
      // What it yields was asked for by whoever was let in.
      field.subscribe = async (parent, args, context, info) => {
        await guard(parent, args, context);
        return subscribe(parent, args, context, info);
      };
      continue;
    }
    field.resolve = async (parent, args, context, info) => {
      await guard(parent, args, context);
      return resolve(parent, args, context, info);
    };
  }
  return schema;
}
