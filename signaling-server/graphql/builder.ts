import SchemaBuilder from '@pothos/core';
import type { Page } from '../jobs/training.ts';
import type { GraphqlContext } from './context.ts';
import { withParent } from './field-access.ts';

export interface SchemaTypes {
  Context: GraphqlContext;
  DefaultFieldNullability: false;
  Scalars: { JSON: { Input: unknown; Output: unknown } };
}

/** Most entries of a page. */
export const MAX_FIRST = 500;
const DEFAULT_FIRST = 100;

export function createBuilder() {
  const builder = new SchemaBuilder<SchemaTypes>({ defaultFieldNullability: false });
  builder.queryType({ description: 'What is known' });
  builder.mutationType({ description: 'What can be ordered' });
  builder.subscriptionType({ description: 'What happens, as it happens' });
  builder.scalarType('JSON', {
    description: 'Any JSON value',
    serialize: (value) => value,
    parseValue: (value) => value,
  });
  return builder;
}
export type Builder = ReturnType<typeof createBuilder>;

/** The pages of a list: `nodes`, and in `pageInfo` what is passed as `after` for the next. */
export function createConnections(builder: Builder) {
  const PageInfo = builder
    .objectRef<{ endCursor: string | null; hasNextPage: boolean }>('PageInfo')
    .implement({
      fields: (t) => ({
        endCursor: t.exposeString('endCursor', { nullable: true, ...withParent }),
        hasNextPage: t.exposeBoolean('hasNextPage', withParent),
      }),
    });
  return <Node extends object>(
    name: string,
    node: ReturnType<ReturnType<typeof builder.objectRef<Node>>['implement']>,
  ) =>
    builder.objectRef<Page<Node>>(`${name}Connection`).implement({
      fields: (t) => ({
        nodes: t.field({ type: [node], resolve: ({ items }) => [...items], ...withParent }),
        pageInfo: t.field({
          type: PageInfo,
          resolve: ({ next }) => ({ endCursor: next, hasNextPage: next !== null }),
          ...withParent,
        }),
      }),
    });
}
export type Connections = ReturnType<typeof createConnections>;

/** `first` of a page, within bounds. */
export function limitOf(first: number | null | undefined): number {
  return Math.min(MAX_FIRST, Math.max(1, first ?? DEFAULT_FIRST));
}
