export type { TranscriptEvent, TranscriptHeader } from './chain.ts';
export type { Finding, FindingName } from './finding.ts';
export { createTranscriptRecorder, type RecorderOptions, type TranscriptRecorder } from './recorder.ts';
export { type JointFindings, verifyTogether } from './together.ts';
export {
  decodeTranscript,
  encodeTranscript,
  isCommittedRound,
  type RoundTranscript,
  TRANSCRIPT_FORMAT,
} from './transcript.ts';
export { verifyTranscript } from './verify.ts';
