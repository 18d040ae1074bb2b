import { check } from '../../shared/errors/index.ts';

/** Where entries of the audit go. */
export type SiemTarget =
  | { readonly kind: 'https'; readonly url: string; readonly token: string | undefined }
  | { readonly kind: 'syslog'; readonly host: string; readonly port: number; readonly tls: boolean };

/** RFC 5425, section 4.1, and the port that is usual where there is no TLS. */
const PORTS = { 'syslog+tls:': 6514, 'syslog+tcp:': 601 } as const;

/**
 * @param text - `https://host/path`, `syslog+tls://host:port` or `syslog+tcp://host:port`; plain HTTP to this machine only.
 * @throws `argument.invalid`; the address is not repeated, since it may hold a password.
 */
export function parseSiemUrl(text: string, token: string | undefined): SiemTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSyslog = url?.protocol === 'syslog+tls:' || url?.protocol === 'syslog+tcp:';
  const isHttp = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  check(url !== undefined && (isSyslog || isHttp), 'argument.invalid', 'This is no address of a SIEM.', {
    path: 'SIEM_URL',
    expected: 'https://host/path, syslog+tls://host:port or syslog+tcp://host:port',
  });
  check(url.username === '' && url.password === '', 'argument.invalid', 'The address holds a password.', {
    path: 'SIEM_URL',
    remedy: 'Put it into SIEM_TOKEN.',
  });
  if (!isSyslog) return { kind: 'https', url: url.href, token };
  check(url.hostname !== '' && token === undefined, 'argument.invalid', 'Syslog takes a host and no token.', {
    path: url.hostname === '' ? 'SIEM_URL' : 'SIEM_TOKEN',
  });
  const port = url.port === '' ? PORTS[url.protocol as keyof typeof PORTS] : Number(url.port);
  return {
    kind: 'syslog',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    tls: url.protocol === 'syslog+tls:',
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
