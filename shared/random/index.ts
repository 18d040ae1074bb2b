export { type CryptoRandom, webCryptoRandom } from './crypto-random.ts';
export { type SeededRandom, seededRandom, shuffle } from './seeded-random.ts';
