export { CHECK_WORDS, toeplitzWords } from './check-words.ts';
export { type Degree, type DegreeGoals, degreeFor } from './degree.ts';
export { DEGREE_GOALS, MAX_COHORT, type Neighbourhoods, neighbourhoodsOf } from './graph.ts';
export { type Confirmed, createMember, type Revealed, type SecureMember } from './member.ts';
export {
  addKeystream,
  addVector,
  packedBytes,
  packRing,
  type RingVector,
  ringFor,
  ringOf,
  ringVector,
  subtractVector,
  toCentred,
  toRing,
  unpackRing,
  wordBytes,
  wrap,
} from './ring.ts';
export { sameBytes } from './same-bytes.ts';
export { MAX_SHARE_X, type PlacedShare, reconstructor, reconstructSecret, shareSecret } from './shamir.ts';
export {
  advertBytes,
  commitmentsBytes,
  confirmationBytes,
  SLICE_DIGEST_BYTES,
  survivorDigest,
  verifyAdvert,
  verifyCommitments,
  verifyConfirmation,
} from './signing.ts';
export { sliceDigests } from './slice-bytes.ts';
export type { AgreementKeys, CryptoSuite } from './suite.ts';
export { nobleSuite } from './suite-noble.ts';
export { bestSuite, type WebCrypto, webSuite } from './suite-web.ts';
export { type ProvenSum, signSum, verifySum } from './sum-proof.ts';
export type * from './types.ts';
export {
  isCommitted,
  type SliceLengths,
  sliceLengths,
  totalWeight,
  type UnmaskedSlice,
  type UnmaskJob,
  unmaskSlice,
} from './unmask.ts';
