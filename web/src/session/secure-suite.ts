import { webCryptoRandom } from '../../../shared/random/index.ts';
import { bestSuite, type CryptoSuite } from '../../../shared/secagg/index.ts';

let suite: Promise<CryptoSuite> | undefined;

/** The cryptography of secure rounds, tried out once for this worker. */
export function secureSuite(): Promise<CryptoSuite> {
  suite ??= bestSuite(crypto, webCryptoRandom(crypto));
  return suite;
}
