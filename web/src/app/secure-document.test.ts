import { expect, it } from 'vitest';
import { parseFederation, sampleFederations } from '../../../shared/federation/index.ts';
import { withSecureAggregation } from './secure-document.ts';

const document = (cohort?: object) => JSON.stringify({ ...sampleFederations[0], cohort });

it('turns secure aggregation on, and raises what it needs of the group', () => {
  const secure = (cohort?: object) =>
    parseFederation(JSON.parse(withSecureAggregation(document(cohort), true)));
  expect(secure().privacy.secureAggregation).toBe('secagg');
  expect(secure().cohort).toEqual({ minParticipants: 3, groupSize: 16 });
  expect(secure({ minParticipants: 2, groupSize: 2 }).cohort).toEqual({ minParticipants: 3, groupSize: 3 });
  expect(secure({ minParticipants: 5, groupSize: 10 }).cohort).toEqual({ minParticipants: 5, groupSize: 10 });
});

it('turns it off, and changes nothing else', () => {
  const before = document({ minParticipants: 4, groupSize: 8 });
  const back = withSecureAggregation(withSecureAggregation(before, true), false);
  expect(parseFederation(JSON.parse(back))).toEqual(parseFederation(JSON.parse(before)));
});
