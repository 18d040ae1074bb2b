export { fromBase64Url, toBase64Url } from './base64url.ts';
export type { Identity } from './identity.ts';
export { createNobleIdentity, nobleIdentity } from './noble-identity.ts';
export { isParticipantId, type NodeId, type ParticipantId, SERVER } from './node-id.ts';
export {
  PARTICIPANT_ID_BYTES,
  participantIdFromBytes,
  participantIdOf,
  participantIdToBytes,
} from './participant-id.ts';
export { verifySignature } from './verify.ts';
