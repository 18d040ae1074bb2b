import { type ErrorRecord, MurmurationError } from '../../../shared/errors/index.ts';

/**
 * Reads a refusal of the server: RFC 9457 problem details that carry our code, expected, received and remedy.
 * Anything else (a proxy's page, an empty answer) becomes a named error with the status.
 */
export async function problemOf(response: Response): Promise<ErrorRecord> {
  const fallback = new MurmurationError(
    response.status === 404
      ? 'http.not-found'
      : response.status >= 500
        ? 'http.unavailable'
        : 'http.bad-request',
    response.status === 404 ? 'The server does not have this.' : 'The server refused the request.',
    { received: `status ${response.status}`, remedy: 'Try again, or tell whoever runs the server.' },
  ).toRecord();
  if (!response.headers.get('content-type')?.includes('json')) return fallback;
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== 'object' || body === null) return fallback;
  const problem = body as Record<string, unknown>;
  const message = [problem.message, problem.detail, problem.title].find((text) => typeof text === 'string');
  if (message === undefined) return fallback;
  const facts = Object.fromEntries(
    ['expected', 'received', 'remedy', 'path']
      .map((key) => [key, problem[key]] as const)
      .filter(([, value]) => typeof value === 'string'),
  );
  return {
    ...facts,
    code: typeof problem.code === 'string' ? (problem.code as ErrorRecord['code']) : fallback.code,
    message: message as string,
  };
}
