export {
  BACKEND_NAMES,
  type BackendName,
  type BackendRequest,
  type BrowserTrainer,
  type PersonalMethod,
  type TrainerData,
  type TrainerNotice,
} from './api.ts';
export { backendWords } from './backend-words.ts';
export { createTrainer, type TrainerOptions } from './client.ts';
export type { Verdict } from './verdict.ts';
export { deviceVerdicts } from './verdict-memory.ts';
