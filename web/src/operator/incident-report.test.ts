import { expect, it } from 'vitest';
import { incidentText } from './incident-report.ts';

const incident = {
  id: 'i1',
  openedAtMs: 0,
  closedAtMs: null,
  openedBy: 'operator-key',
  reason: 'A leak',
  report: {},
};

it('writes what was going on, for people', () => {
  const text = incidentText({
    ...incident,
    report: {
      trainings: [{ id: 't', federation: 'f', run: 'r', status: 'RUNNING', round: 4 }],
      federations: [{ federation: 'f', present: 3, abandoned: { round: 5, attempt: 1 }, budgetShare: 0.5 }],
    },
  });
  expect(text).toContain('- Reason: A leak');
  expect(text).toContain('- t of f: RUNNING, after round 4');
  expect(text).toContain('- f: 3 present, round 5 given up, 50.0% of its privacy budget spent');
});

it('reads a report that has neither', () => {
  expect(incidentText(incident)).toContain('None was coordinated here.');
});
