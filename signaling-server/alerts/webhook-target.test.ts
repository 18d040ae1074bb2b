import type { LookupAddress, lookup } from 'node:dns';
import { expect, test } from 'vitest';
import { checkWebhookUrl, guardedLookup, isPublicAddress } from './webhook-target.ts';

test.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:10.0.0.1',
  '::ffff:93.184.216.34',
  '64:ff9b::a00:1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'ff02::1',
  '2001::1',
  '2001:db8::1',
  '2002:a00:1::1',
  'localhost',
  '',
])('%s is not of the internet at large', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['93.184.216.34', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:2800:220:1::1'])(
  '%s is',
  (address) => expect(isPublicAddress(address)).toBe(true),
);

test.each([
  'ftp://a.example/',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'a.example',
  '',
  'http://user:pass@a.example/',
  'http://localhost/',
  'http://x.localhost./',
  'http://127.0.0.1/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://0177.0.0.1/',
  'http://[::1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://169.254.169.254/latest/meta-data',
  `https://a.example/${'x'.repeat(2000)}`,
])('%s cannot be registered, and is not repeated', (url) => {
  let thrown: unknown;
  try {
    checkWebhookUrl(url, false);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: 'argument.invalid', facts: { path: 'url' } });
  if (url !== '') expect((thrown as Error).message).not.toContain(url);
});

test('where private receivers are allowed, other schemes and passwords still are not', () => {
  expect(checkWebhookUrl('http://127.0.0.1:9/x', true).port).toBe('9');
  expect(() => checkWebhookUrl('file:///x', true)).toThrow(/http/);
  expect(() => checkWebhookUrl('http://u:p@10.0.0.1/', true)).toThrow(/password/);
});

/** A resolver that knows these addresses. */
function resolving(...addresses: string[]): typeof lookup {
  const found: LookupAddress[] = addresses.map((address) => ({ address, family: 4 }));
  return ((_name: string, _options: unknown, done: (error: null, found: LookupAddress[]) => void) =>
    done(null, found)) as unknown as typeof lookup;
}

const lookUp = (resolve: typeof lookup, allowPrivate = false, all = true) =>
  new Promise((settle) => {
    guardedLookup(allowPrivate, resolve)('a.example', { all }, (error, address) => settle(error ?? address));
  });

test('a name is refused when any of its addresses is private', async () => {
  expect(await lookUp(resolving('93.184.216.34', '10.0.0.1'))).toMatchObject({ code: 'argument.invalid' });
  expect(await lookUp(resolving())).toMatchObject({ code: 'argument.invalid' });
  expect(await lookUp(resolving('93.184.216.34'))).toEqual([{ address: '93.184.216.34', family: 4 }]);
  expect(await lookUp(resolving('93.184.216.34'), false, false)).toBe('93.184.216.34');
  expect(await lookUp(resolving('10.0.0.1'), true)).toEqual([{ address: '10.0.0.1', family: 4 }]);
});
