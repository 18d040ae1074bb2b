export { check, checkFinite, checkInteger, unreachable } from './check.ts';
export type { ErrorCode } from './codes.ts';
export {
  type ErrorFacts,
  type ErrorRecord,
  fromErrorRecord,
  hasCode,
  MurmurationError,
  toErrorRecord,
} from './error.ts';
