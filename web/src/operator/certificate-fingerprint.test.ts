import { describe, expect, test } from 'vitest';
import { fingerprintOf } from './certificate-fingerprint.ts';

const HEX = 'ab'.repeat(32);

describe('the fingerprint of a certificate', () => {
  test.each([
    ['digits', HEX],
    ['with colons, in capitals', 'AB:'.repeat(32).slice(0, -1)],
    ['as openssl prints it', `sha256 Fingerprint=${'AB:'.repeat(32).slice(0, -1)}\n`],
  ])('%s', async (_, text) => {
    expect(await fingerprintOf(text)).toBe(HEX);
  });

  test('of a PEM file is that of its bytes', async () => {
    // What `printf '\x30\x01\x00' | sha256sum` prints.
    const pem = '-----BEGIN CERTIFICATE-----\nMAEA\n-----END CERTIFICATE-----\n';
    expect(await fingerprintOf(pem)).toBe('edc8c1efa9b3a9dc08b95dd0236472be2167c4eb4994fc1edda33e8deefc1a45');
    expect(await fingerprintOf(`subject=CN = kiosk\n${pem}${pem.replace('MAEA', 'MAEB')}`)).toBe(
      'edc8c1efa9b3a9dc08b95dd0236472be2167c4eb4994fc1edda33e8deefc1a45',
    );
  });

  test.each([
    ['nothing', ''],
    ['a digit less', HEX.slice(1)],
    ['what is no base64', '-----BEGIN CERTIFICATE-----\nM\n-----END CERTIFICATE-----'],
    ['what is no DER', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMAEA\n-----END PRIVATE KEY-----'],
  ])('there is none of %s', async (_, text) => {
    expect(await fingerprintOf(text)).toBeUndefined();
  });
});
