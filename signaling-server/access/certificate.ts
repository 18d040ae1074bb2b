import { X509Certificate } from 'node:crypto';
import { MurmurationError } from '../../shared/errors/index.ts';

export interface ClientCertificate {
  /** Hex SHA-256 of its DER form. */
  readonly fingerprint: string;
  /** Undefined when the proxy passes on no more than a fingerprint. */
  readonly expiresAtMs: number | undefined;
  readonly startsAtMs: number | undefined;
}

/**
 * Reads what a proxy says of the certificate that it has verified: the certificate itself in PEM, percent-encoded (nginx:
 * `$ssl_client_escaped_cert`), or the SHA-256 of its DER form in hex, with or without colons.
 * @throws `http.unauthorized`.
 */
export function readCertificate(header: string): ClientCertificate {
  const hex = header.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return { fingerprint: hex, expiresAtMs: undefined, startsAtMs: undefined };
  try {
    const certificate = new X509Certificate(decodeURIComponent(header));
    return {
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
      expiresAtMs: Date.parse(certificate.validTo),
      startsAtMs: Date.parse(certificate.validFrom),
    };
  } catch (cause) {
    throw new MurmurationError('http.unauthorized', 'The client certificate cannot be read.', {
      expected: 'a percent-encoded PEM certificate, or its SHA-256 in hex',
      received: `${header.length} characters of something else`,
      remedy: 'Correct the header that the proxy sets.',
      cause,
    });
  }
}
