export { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES } from './codec.ts';
export {
  type AttemptId,
  type DeviceReport,
  type Message,
  type MessageOf,
  type MessageType,
  type ModelRef,
  messageSchemas,
  type Plan,
  PROTOCOL_VERSION,
  type RoundRecord,
} from './messages.ts';
