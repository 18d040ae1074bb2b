export {
  type AttachedNodeTransport,
  type AttachNodeTransportOptions,
  attachNodeTransport,
} from './attach.ts';
export { DEFAULT_NODE_TRANSPORT_LIMITS, type NodeTransportLimits } from './limits.ts';
export { createNodeTransports, type NodeTransports, type NodeTransportsOptions } from './node-transports.ts';
