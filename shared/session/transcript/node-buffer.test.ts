import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { recordAll, scriptRound, TEST_SUITE } from './testing.ts';
import { decodeTranscript, encodeTranscript } from './transcript.ts';
import { verifyTranscript } from './verify.ts';

test('a file that comes as a Buffer of Node is read like any other, and is not written to', async () => {
  const transcripts = await recordAll(await scriptRound({ size: 3 }));
  for (const transcript of transcripts.values()) {
    const file = encodeTranscript(transcript);
    const buffer = Buffer.from(file);
    const findings = await verifyTranscript(decodeTranscript(buffer), TEST_SUITE);
    expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
    expect(buffer.equals(file)).toBe(true);
  }
});
