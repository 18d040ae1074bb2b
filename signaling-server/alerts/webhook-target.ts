import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { check, MurmurationError } from '../../shared/errors/index.ts';

const MAX_URL_CHARACTERS = 2000;

/** Special-purpose addresses (RFC 6890 and its registries): this machine, its network, its cloud's metadata. */
const SPECIAL_IPV4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;
/** Within 2000::/3: of documentation, and those that wrap an IPv4 address. */
const SPECIAL_IPV6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;

const special = new BlockList();
for (const [net, prefix] of SPECIAL_IPV4) special.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of SPECIAL_IPV6) special.addSubnet(net, prefix, 'ipv6');
const globalIpv6 = new BlockList();
globalIpv6.addSubnet('2000::', 3, 'ipv6');

/** Whether an IP address is one of the internet's at large. IPv6 outside 2000::/3, IPv4 in IPv6 included, is not. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4');
    case 6:
      return globalIpv6.check(address, 'ipv6') && !special.check(address, 'ipv6');
    default:
      return false;
  }
}

/**
 * What may be registered. A name is resolved only when something is delivered, by {@link guardedLookup}.
 * @throws `argument.invalid`; the URL is not repeated: its path may be a secret.
 */
export function checkWebhookUrl(text: string, allowPrivate: boolean): URL {
  const isUrl = text.length <= MAX_URL_CHARACTERS && URL.canParse(text);
  check(
    isUrl && /^https?:$/.test(new URL(text).protocol),
    'argument.invalid',
    'This is not an http(s) URL.',
    {
      path: 'url',
      expected: `an http or https URL of at most ${MAX_URL_CHARACTERS} characters`,
    },
  );
  const url = new URL(text);
  check(
    url.username === '' && url.password === '',
    'argument.invalid',
    'A webhook URL cannot hold a password.',
    { path: 'url', remedy: 'Check the signature of deliveries instead.' },
  );
  const host = hostOf(url);
  const isLocalName = /(?:^|\.)localhost\.?$/i.test(host);
  if (!allowPrivate && (isLocalName || (isIP(host) !== 0 && !isPublicAddress(host)))) throw refusedAddress();
  return url;
}

/** Without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/**
 * For `http.request`: resolves a name and hands on what is connected to, so that a name cannot mean one thing when it is checked and another
 * when it is used. One address that is not public spoils the name.
 */
export function guardedLookup(allowPrivate: boolean, resolveName: typeof resolve = resolve): LookupFunction {
  return (hostname, options, done) => {
    resolveName(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, []);
      const isAllowed =
        addresses.length > 0 && (allowPrivate || addresses.every(({ address }) => isPublicAddress(address)));
      if (!isAllowed) return done(refusedAddress(), []);
      if (options.all) return done(null, addresses);
      done(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

export function refusedAddress(): MurmurationError {
  return new MurmurationError('argument.invalid', 'Webhooks are not sent to addresses of this network.', {
    path: 'url',
    expected: 'a name or an address of the public internet',
    remedy: 'Set WEBHOOK_ALLOW_PRIVATE=1 where receivers are on a network of yours.',
  });
}
