const HEX = /^[0-9a-f]{64}$/;
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/;
/** Every certificate begins with it: an ASN.1 sequence. */
const SEQUENCE = 0x30;

/**
 * The SHA-256 of a certificate's DER form, 64 hexadecimal digits: of the first certificate in a PEM file, which is reckoned here so that the
 * file stays here, or of what a tool prints as fingerprint. Undefined when it is neither.
 */
export async function fingerprintOf(text: string): Promise<string | undefined> {
  const hex = text
    .replace(/^.*fingerprint=/i, '')
    .replaceAll(/[\s:]/g, '')
    .toLowerCase();
  if (HEX.test(hex)) return hex;
  const der = decoded(PEM.exec(text)?.[1] ?? '');
  if (der?.[0] !== SEQUENCE) return undefined;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', der));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function decoded(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0));
  } catch {
    // No base64: whoever asked hears that it is no certificate.
    return undefined;
  }
}
