import { GraphQLError } from 'graphql';
import { MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';

const UNNAMED = new MurmurationError('internal', 'The server failed at this request.', {
  remedy: 'Try again; the log of the server says more.',
});

/**
 * What a client is told: our own errors by code, with what was expected, received and to be done in `extensions`; what GraphQL found
 * wrong with the request, without the values that it repeats; nothing of anything else.
 * @param onUnnamed hears of what is not told.
 */
export function maskedError(thrown: unknown, onUnnamed: (thrown: unknown) => void): GraphQLError {
  const error = thrown instanceof GraphQLError ? thrown : undefined;
  const original = error?.originalError ?? (error === undefined ? thrown : undefined);
  if (error !== undefined && (original === undefined || original instanceof GraphQLError)) {
    const message = withoutValues(error.message);
    const { http } = error.extensions;
    return located(error, message, {
      code: 'http.bad-request',
      message,
      ...(http === undefined ? {} : { http }),
    });
  }
  const known = original instanceof MurmurationError ? original : UNNAMED;
  if (known === UNNAMED) onUnnamed(original);
  const { path: field, ...record } = toErrorRecord(known);
  return located(error, record.message, { ...record, ...(field === undefined ? {} : { field }) });
}

function located(
  error: GraphQLError | undefined,
  message: string,
  extensions: Readonly<Record<string, unknown>>,
): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null } = error ?? {};
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** GraphQL quotes what it cannot use, which may be a secret in the wrong place, and what else there is, which a guess is not to find. */
export function withoutValues(message: string): string {
  return message
    .replace(/ got invalid value [\s\S]*?(?=( at "[^"]*")?; )/, ' does not validate')
    .replace(/(cannot represent [^:]*): [\s\S]*$/, '$1.')
    .replace(/, found [\s\S]*$/, '.')
    .replace(/ Did you mean [\s\S]*\?$/, '')
    .slice(0, 500);
}
