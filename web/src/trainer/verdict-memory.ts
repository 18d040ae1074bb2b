import { z } from 'zod';
import { recall, remember } from '../storage/index.ts';
import { type Verdict, withVerdict } from './verdict.ts';

/** Where choices of backends are kept between sessions. */
export interface VerdictMemory {
  load(): Promise<readonly Verdict[]>;
  add(verdict: Verdict): Promise<void>;
}

const KEY = 'backends';

const verdict: z.ZodType<Verdict> = z.object({
  layoutHash: z.string(),
  batchSize: z.number(),
  environment: z.string(),
  federation: z.string(),
  federationId: z.string(),
  atMs: z.number(),
  report: z.object({
    name: z.string(),
    msPerStep: z.number(),
    batchSize: z.number(),
    passedOver: z.array(
      z.object({
        name: z.string(),
        why: z.enum(['faulty', 'slower', 'absent', 'untried']),
        reason: z.string(),
        msPerStep: z.number().exactOptional(),
      }),
    ),
  }),
});

/** @param kept what was read: another version of the page may have written it. What cannot be read is measured again. */
export function parseVerdicts(kept: unknown): readonly Verdict[] {
  const parsed = z.array(verdict).safeParse(kept);
  return parsed.success ? parsed.data : [];
}

/** On this device. */
export const deviceVerdicts: VerdictMemory = {
  load: async () => parseVerdicts(await recall(KEY)),
  add: async (verdict) => remember(KEY, withVerdict(await deviceVerdicts.load(), verdict)),
};
