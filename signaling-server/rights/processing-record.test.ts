import { expect, test } from 'vitest';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { type ProcessingFacts, processingMarkdown, processingRecord } from './processing-record.ts';
import { DEFAULT_RETENTION } from './retention-periods.ts';

const facts: ProcessingFacts = {
  organisation: 'A *hospital* group',
  contact: 'dpo@example.org',
  publicOrigin: 'https://learn.example.org',
  database: 'postgres',
  blobs: 's3',
  siemHost: 'siem.example.org',
  turnHosts: [],
  retention: { ...DEFAULT_RETENTION, metrics: 0 },
  hasAccounts: true,
};
const federations = sampleFederations.map((document) => ({
  document: parseFederation(document),
  admission: 'members' as const,
  participants: 3,
}));

test('is of the real configuration and federations', () => {
  const record = processingRecord(facts, federations, 0);
  expect(record.controller).toEqual({ name: 'A *hospital* group', contact: 'dpo@example.org' });
  expect(record.activities.map(({ federation }) => federation)).toEqual(
    federations.map(({ document }) => document.id),
  );
  expect(record.activities.every(({ categories }) => categories.length > 0)).toBe(true);
  expect(record.recipients.join()).toContain('siem.example.org');
  expect(record.retention[0]).toEqual({ what: 'Metrics of runs that are over', days: null });
  expect(record.retention.find(({ what }) => what === 'Audit log')?.days).toBe(2190);
  expect(record.personalData.map(({ table }) => table)).toContain('participants');
  expect(record.measures.join()).toContain('Connections are encrypted');
});

test('says what is not in force, and what was not said', () => {
  const record = processingRecord(
    {
      ...facts,
      organisation: undefined,
      publicOrigin: 'http://learn',
      siemHost: undefined,
      hasAccounts: false,
    },
    [],
    0,
  );
  expect(record.controller.name).toContain('ORGANISATION');
  expect(record.measures.join()).toContain('NOT known to be encrypted');
  expect(record.measures.join()).toContain('Nobody can give orders');
  expect(record.recipients.join()).not.toContain('siem');
});

test('a page of it has the same, and names do not become structure', () => {
  const named = [
    { ...federations[0]!, document: { ...federations[0]!.document, name: 'x\n# Controller: me | <b>' } },
  ];
  const page = processingMarkdown(processingRecord(facts, named, 0));
  expect(page).toContain('- Controller: A \\*hospital\\* group');
  expect(page).toContain('- Metrics of runs that are over: for ever');
  expect(page.split('\n').filter((line) => line.startsWith('# '))).toHaveLength(1);
  expect(page).not.toContain('<b>');
});
