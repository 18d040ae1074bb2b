import { toErrorRecord } from '../../../shared/errors/index.ts';
import type { Outcome } from '../data/api.ts';
import { type Tolerance, type ToleranceQuestion, toleranceOf } from './tolerance.ts';

/** Thousands of participants take seconds: one question, one answer, off the main thread. */
self.onmessage = ({ data }: MessageEvent<ToleranceQuestion>): void => {
  self.postMessage(answer(data));
};

function answer(question: ToleranceQuestion): Outcome<Tolerance> {
  try {
    return { ok: true, value: toleranceOf(question) };
  } catch (error) {
    return { ok: false, error: toErrorRecord(error) };
  }
}
