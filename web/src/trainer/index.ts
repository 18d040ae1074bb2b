export type { BackendName, BackendRequest, BrowserTrainer } from './api.ts';
export { createTrainer, type TrainerOptions } from './client.ts';
