import { check } from '../../shared/errors/index.ts';

/** A place for blobs in S3-compatible storage, addressed by path: `https://HOST/BUCKET/PREFIX`. */
export interface S3Address {
  /** Without a slash at its end. Free of secrets. */
  readonly url: string;
  readonly region: string;
}

/** Kept apart from the address, which is logged. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

const EXPECTED =
  'https://HOST/BUCKET or https://HOST/BUCKET/PREFIX, with ?region=REGION where it is not us-east-1';

/**
 * Reads `BLOB_URL`. Credentials have variables of their own: an address with a secret in it ends up in logs.
 * @throws `argument.invalid`; what was given is never repeated.
 */
export function parseS3Address(text: string): S3Address {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const isRight =
    parsed !== undefined &&
    /^https?:$/.test(parsed.protocol) &&
    parsed.username === '' &&
    parsed.password === '' &&
    parsed.hash === '' &&
    /^(\/[A-Za-z0-9][A-Za-z0-9._-]*)+\/?$/.test(parsed.pathname) &&
    [...parsed.searchParams.keys()].every((name) => name === 'region');
  check(isRight, 'argument.invalid', 'This is not the address of a bucket.', {
    path: 'BLOB_URL',
    expected: EXPECTED,
    remedy: 'Put the access key into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, never into the address.',
  });
  return {
    url: `${parsed.origin}${parsed.pathname.replace(/\/$/, '')}`,
    region: parsed.searchParams.get('region') ?? 'us-east-1',
  };
}
