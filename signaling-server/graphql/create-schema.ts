import type { GraphQLSchema } from 'graphql';
import { createBuilder, createConnections } from './builder.ts';
import { addFederationFields } from './federation-fields.ts';
import { guardFields } from './field-access.ts';
import { addOperatorFields } from './operator-fields.ts';
import { addTrainingFields } from './training-fields.ts';

/** The schema, every field of it guarded. @throws `internal` for one that is not. */
export function createSchema(): GraphQLSchema {
  const builder = createBuilder();
  const connectionOf = createConnections(builder);
  addTrainingFields(builder, connectionOf);
  addFederationFields(builder, connectionOf);
  addOperatorFields(builder, connectionOf);
  return guardFields(builder.toSchema());
}
