export type { Identity } from './identity.ts';
export { isParticipantId, type NodeId, type ParticipantId, SERVER } from './node-id.ts';
