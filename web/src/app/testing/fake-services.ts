import { MurmurationError } from '../../../../shared/errors/index.ts';
import { layoutOf, makeModel } from '../../../../shared/update/index.ts';
import { createPrivacyCalculator } from '../../privacy/client.ts';
import type { SessionSnapshot } from '../../session/snapshot.ts';
import type { Verdict } from '../../trainer/verdict.ts';
import { termsOf } from '../consent-terms.ts';
import { Reachability } from '../reachability.ts';
import type { Consent, DatasetInfo, DatasetSummary, ImportDraft, Services, Settings } from '../services.ts';
import { fakeAggregation } from './fake-aggregation.ts';
import {
  adaptive,
  both,
  buffered,
  central,
  digits,
  distributed,
  grouped,
  guarded,
  heating,
  local,
  noisy,
  penguins,
  secure,
  trimmed,
} from './fake-federations.ts';
import { fakeLedger, type LedgerScenario } from './fake-ledger.ts';
import { secureSnapshotAt, snapshotAt } from './fake-snapshots.ts';

/** Which picture to show; each names one state of the page that is worth looking at. */
export type Scenario =
  | 'usual'
  | 'empty'
  | 'loading'
  | 'failing'
  | 'offline'
  | 'agreed'
  | 'changed'
  | 'training'
  | 'kiosk'
  | 'server-away'
  | 'waiting'
  | 'paused'
  | 'failed'
  | 'finished'
  | 'secure'
  | 'refused'
  | 'secure-first'
  | 'broken'
  | 'nearly-spent'
  | 'spent'
  | 'ready'
  | 'went-back'
  | 'quarantined'
  | 'compressed';

const FEDERATIONS = [
  digits,
  secure,
  guarded,
  noisy,
  distributed,
  local,
  central,
  both,
  adaptive,
  trimmed,
  grouped,
  buffered,
  penguins,
  heating,
];
const ADDED_MS = Date.UTC(2026, 10, 20, 14, 5);

const DATASETS: readonly DatasetInfo[] = [
  {
    id: 'd1',
    name: 'Digits, part 8',
    examples: 1000,
    bytes: 785_000,
    createdAtMs: ADDED_MS,
    shape: 'Images, 28 × 28, grey',
    sample: true,
  },
  {
    id: 'd2',
    name: 'Class 3b, scanned',
    examples: 214,
    bytes: 168_000,
    createdAtMs: ADDED_MS,
    shape: 'Images, 28 × 28, grey',
    sample: false,
  },
  {
    id: 'd3',
    name: 'penguins-biscoe.csv',
    examples: 163,
    bytes: 6_900,
    createdAtMs: ADDED_MS,
    shape: 'Table with 6 columns',
    sample: false,
  },
];

const TABLE: DatasetSummary = {
  columns: [
    { name: 'Island', type: 'category', missing: 0, counts: [{ value: 'Biscoe', count: 163 }] },
    { name: 'Bill length (mm)', type: 'number', missing: 2, range: { min: 34.5, max: 59.6, mean: 45.27 } },
    { name: 'Body mass (g)', type: 'number', missing: 0, range: { min: 2850, max: 6300, mean: 4711 } },
    {
      name: 'Sex',
      type: 'category',
      missing: 6,
      counts: [
        { value: 'Male', count: 80 },
        { value: 'Female', count: 77 },
      ],
    },
  ],
  preview: {
    columns: ['Island', 'Bill length (mm)', 'Body mass (g)', 'Sex', 'Species'],
    rows: [
      ['Biscoe', '37.8', '3400', 'Female', 'Adelie'],
      ['Biscoe', '46.1', '4500', 'Female', 'Gentoo'],
      ['Biscoe', '50', '5700', '', 'Gentoo'],
    ],
  },
};

function digitPictures(): DatasetSummary {
  const images = Array.from({ length: 12 }, (_, n) => {
    const pixels = new Uint8Array(28 * 28);
    for (let i = 0; i < pixels.length; i++) {
      const distance = Math.hypot((i % 28) - 14, Math.floor(i / 28) - 14);
      pixels[i] = Math.max(0, 255 - 60 * Math.abs(distance - 4 - (n % 5)));
    }
    return { label: String(n % 10), width: 28, height: 28, channels: 1 as const, pixels };
  });
  return { columns: [], images };
}

const VERDICTS: readonly Verdict[] = [
  {
    layoutHash: 'a'.repeat(64),
    batchSize: 32,
    environment: 'a browser',
    federation: digits.name,
    federationId: digits.id,
    atMs: ADDED_MS,
    report: {
      name: 'wasm',
      msPerStep: 8.94,
      batchSize: 32,
      passedOver: [
        { name: 'webgpu', why: 'faulty', reason: 'It computes wrong gradients for conv2d, off by 3.1e-3.' },
        { name: 'webgl', why: 'slower', reason: 'It takes 31.2 ms a step, wasm 8.9 ms.', msPerStep: 31.2 },
        { name: 'cpu', why: 'untried', reason: 'It is used only when nothing else works.' },
      ],
    },
  },
];

const FROZEN = 'layer "dense_1" (Dense) was frozen; here it trains like all others.';

const DRAFT: ImportDraft = {
  suggestedName: 'penguins-torgersen.csv',
  examples: 44,
  summary: TABLE,
  issues: [
    { row: 4, column: 'Bill length (mm)', message: 'The cell is missing. Expected a number from 30 to 60.' },
    {
      row: 17,
      column: 'Body mass (g)',
      message: 'The number is out of range. Expected a number from 2500 to 6500; the file has “47000”.',
    },
    {
      row: 31,
      column: 'Species',
      message:
        'The label is not one that the federation knows. Expected one of the labels Adelie, Chinstrap, Gentoo; the file has “Emperor”.',
    },
  ],
  issueCount: 8,
  columnsToMatch: undefined,
  blocked: undefined,
  commit: async () => DATASETS[2]!,
  discard: async () => undefined,
};

function snapshotOf(scenario: Scenario): SessionSnapshot | undefined {
  switch (scenario) {
    case 'training':
    case 'kiosk':
      return snapshotAt({ name: 'training', round: 13, batch: 21, batches: 32, loss: 0.214 }, 12);
    case 'server-away':
      return snapshotAt({ name: 'collecting', round: 13, arrived: 3, slices: 6 }, 12, {
        serverConnected: false,
        coordinator: snapshotAt({ name: 'idle' }, 0).peers[0]!.id,
        peers: snapshotAt({ name: 'idle' }, 0).peers.slice(0, 5),
      });
    case 'waiting':
      return snapshotAt({ name: 'waiting', participants: 1, needed: 2 }, 0, {
        peers: [],
        model: undefined,
        notices: [],
        backend: undefined,
        examplesPerSecond: undefined,
        bytesSent: 0,
        bytesReceived: 0,
      });
    case 'paused':
      return snapshotAt({ name: 'paused', because: 'on-battery' }, 12);
    case 'failed':
      return snapshotAt(
        {
          name: 'failed',
          error: {
            code: 'training.diverged',
            message:
              'The training diverged in round 4. Expected a finite loss, received NaN. Lower the learning rate of the federation.',
          },
        },
        3,
      );
    case 'secure':
      return secureSnapshotAt({ name: 'collecting', round: 13, arrived: 0, slices: 6 }, 12, {
        secure: {
          round: 13,
          stage: 'confirming',
          members: 6,
          keys: 6,
          shares: 6,
          threshold: 4,
          survivors: 5,
          confirmations: 0,
        },
      });
    case 'refused':
      return secureSnapshotAt({ name: 'waiting', participants: 5, needed: 3 }, 12, {
        refused: { round: 13, code: 'secagg.below-threshold' },
        notices: [
          {
            atMs: ADDED_MS,
            level: 'error',
            text: 'Round 13 was abandoned: 3 of 6 confirmed the survivors.',
            code: 'secagg.below-threshold',
          },
        ],
      });
    case 'secure-first':
      return secureSnapshotAt({ name: 'training', round: 1, batch: 4, batches: 32, loss: 2.1 }, 0, {
        secure: {
          round: 1,
          stage: 'shares',
          members: 6,
          keys: 5,
          shares: 0,
          threshold: 4,
          survivors: undefined,
          confirmations: 0,
        },
      });
    case 'nearly-spent':
      return snapshotAt({ name: 'training', round: 13, batch: 21, batches: 32, loss: 0.214 }, 12, {
        federationId: 'digits-noisy',
      });
    case 'spent':
      return snapshotAt({ name: 'paused' }, 12, {
        federationId: 'digits-noisy',
        refusal: {
          atMs: ADDED_MS,
          round: 13,
          error: {
            code: 'privacy.budget-exceeded',
            message:
              'With this round the device would spend more than the limit of this device for this dataset allows. Expected epsilon at most 4 for each record, delta 0.00001; received epsilon 4.012 with this round, 3.996 so far.',
          },
          paused: true,
        },
      });
    case 'ready':
      return snapshotAt({ name: 'waiting', participants: 4, needed: 4, update: { behind: 2 } }, 12, {
        federationId: 'digits-buffered',
      });
    case 'went-back': {
      const snapshot = snapshotAt({ name: 'training', round: 13, batch: 2, batches: 32, loss: 0.6 }, 12, {
        federationId: 'digits-trimmed',
      });
      const records = snapshot.records.map((record) =>
        record.round === 11 ? { ...record, survivors: [], dropped: [], rollback: { to: 7 } } : record,
      );
      return { ...snapshot, records };
    }
    case 'quarantined':
      return snapshotAt({ name: 'waiting', participants: 6, needed: 3 }, 12, {
        refusal: {
          atMs: ADDED_MS,
          round: undefined,
          error: {
            code: 'participant.quarantined',
            message:
              'This participant is not invited for a while. Received Too many of its rounds came to nothing. It is invited again after 2026-11-22T11:05:00.000Z, without doing anything.',
          },
          paused: false,
        },
      });
    case 'compressed':
      return secureSnapshotAt({ name: 'uploading', round: 13, delivered: 2, slices: 5 }, 12, {
        federationId: 'digits-adaptive',
        roundTraffic: { round: 12, bytesSent: 58_312, bytesReceived: 58_940 },
        rounding: { round: 13, relativeError: 0.31, wrapped: 2, shortened: 0.8 },
      });
    case 'finished':
      return snapshotAt({ name: 'finished', reason: 'target-accuracy' }, 24);
    default:
      return undefined;
  }
}

function ledgerOf(scenario: Scenario): LedgerScenario {
  return scenario === 'empty' || scenario === 'broken' || scenario === 'nearly-spent' || scenario === 'spent'
    ? scenario
    : 'usual';
}

/** The page without anything behind it, for pictures and accessibility checks. */
export function fakeServices(scenario: Scenario): Services {
  const away = new MurmurationError('http.unavailable', 'The server cannot be reached.', {
    remedy: 'Check the connection and try again.',
  });
  const answer = async <T>(value: T): Promise<T> => {
    if (scenario === 'loading') return new Promise(() => undefined);
    if (scenario === 'failing') throw away;
    return value;
  };
  const empty = scenario === 'empty';
  const from = scenario === 'offline' ? 'device' : 'server';
  const server = new Reachability();
  if (scenario === 'offline' || scenario === 'failing') server.report(false);
  let current: Settings = {
    theme: 'system',
    trainWhen: 'always',
    battery: 'above-20',
    metered: 'pause',
    effort: 'full',
    coolDown: true,
    backend: 'auto',
    keepAwake: true,
    reportsSpeed: false,
  };
  const listeners = new Set<(settings: Settings) => void>();
  const agreed: Consent = { federationId: 'digits', revision: 2, datasetId: 'd2', atMs: ADDED_MS };
  let consent: Consent | undefined =
    scenario === 'changed'
      ? { ...agreed, revision: 1, terms: termsOf(distributed) }
      : scenario === 'agreed' || scenario === 'kiosk'
        ? agreed
        : undefined;
  const noop = async (): Promise<void> => undefined;

  return {
    server,
    federations: {
      list: () => answer({ value: empty ? [] : FEDERATIONS, from }),
      get: (id) => answer({ value: FEDERATIONS.find((federation) => federation.id === id)!, from }),
      validate: async (text) =>
        (await import('../../../../shared/federation/index.ts')).parseFederation(JSON.parse(text)),
      create: async () => digits,
    },
    session: {
      restored: Promise.resolve(),
      datasetId: 'd1',
      join: noop,
      pause: noop,
      resume: noop,
      setPace: noop,
      leave: noop,
      snapshot: async () => snapshotOf(scenario),
      token: async () => undefined,
      subscribe(listener) {
        const snapshot = snapshotOf(scenario);
        if (snapshot !== undefined) listener(snapshot);
        return () => undefined;
      },
    },
    data: {
      list: () => answer(empty ? [] : DATASETS),
      compatible: ({ id }) =>
        answer(
          empty
            ? []
            : id.startsWith('digits')
              ? DATASETS.slice(0, 2)
              : id === 'penguins'
                ? DATASETS.slice(2)
                : [],
        ),
      summary: async (id) => (id === 'd3' ? TABLE : digitPictures()),
      read: async () => DRAFT,
      importSample: async () => DATASETS[0]!,
      remove: noop,
      undoRemove: noop,
      subscribe: () => () => undefined,
    },
    model: {
      latest: () =>
        answer(
          empty
            ? undefined
            : { version: 12, hash: 'c3a91f07'.padEnd(64, '0'), parameters: 101_770, from: 'device' as const },
        ),
      predict: async ({ id }) =>
        id === 'digits'
          ? {
              kind: 'class',
              probabilities: [0.004, 0.001, 0.012, 0.021, 0.002, 0.006, 0.001, 0.931, 0.007, 0.015],
            }
          : id === 'penguins'
            ? { kind: 'class', probabilities: [0.08, 0.03, 0.89] }
            : { kind: 'value', value: 47.25 },
      download: async () => new Blob(),
      files: {
        save: async (_, format) => {
          if (format === 'safetensors') return [{ name: 'digits-v12.safetensors', blob: new Blob() }];
          throw new MurmurationError('model.unsupported', 'Keras in tfjs has no attention layer.', {
            path: '2.attention',
            remedy: 'Save the model as safetensors: it holds any model.',
          });
        },
        open: async (federation, [file]) => {
          const layout = layoutOf([{ name: '1.dense/kernel', shape: [4] }]);
          const model = makeModel(0, layout, new Float32Array(4));
          if (file?.name !== 'other.safetensors')
            return { name: 'keras.json, keras.weights.bin', format: 'keras', notes: [FROZEN], model };
          throw new MurmurationError(
            'model.layout-mismatch',
            'The file holds another model than this federation’s.',
            {
              received: `"1.dense/kernel" is [784, 64], not [784, 128] of ${federation.name}`,
              remedy:
                'Choose a file that was saved from this federation, or from a model of the same layers.',
            },
          );
        },
        evaluate: async () => ({
          total: 1000,
          metrics: [
            { name: 'accuracy', value: 0.931 },
            { name: 'topK', value: 0.997 },
            { name: 'f1', value: 0.929 },
            { name: 'auc', value: 0.9956 },
            { name: 'loss', value: 0.241 },
          ],
          classes: Array.from({ length: 10 }, (_, digit) => ({ actual: 100, f1: 0.95 - digit / 200 })),
        }),
      },
    },
    ...fakeAggregation(answer, empty),
    settings: {
      get current() {
        return current;
      },
      async change(changes) {
        current = { ...current, ...changes };
        for (const listener of listeners) listener(current);
      },
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      identityId: () => answer('Jq3vTnB8xW2cLrY5mKpZ0A'),
      storage: () => answer({ usedBytes: 12_400_000, quotaBytes: 8_200_000_000, persistent: true }),
      deleteEverything: noop,
    },
    consents: {
      of: (id) => (consent?.federationId === id ? consent : undefined),
      covers: ({ id, revision }) => consent?.federationId === id && consent.revision === revision,
      async agree({ id, revision }, datasetId) {
        consent = { federationId: id, revision, datasetId, atMs: ADDED_MS };
      },
      async give(given) {
        consent = given;
      },
      async withdraw() {
        consent = undefined;
      },
    },
    device: {
      state: {
        visible: true,
        battery: { charging: false, level: 0.64 },
        saveData: false,
        connection: undefined,
        pressure: undefined,
      },
      subscribe: () => () => undefined,
    },
    rights: {
      withdraw: noop,
      agreeAgain: noop,
      agreeIfWithdrawn: noop,
      download: async () => new Blob(['{}']),
      erase: async () => new Blob(['{}']),
    },
    transcripts: {
      download: noop,
      check: async (_, round) => [
        { what: 'Every event is signed by whom it names, and follows from the one before.', ok: true },
        { what: 'Your masked update was in the sum of every slice.', ok: true },
        { what: 'Adding up again gives the same model, c3a91f07.', ok: round % 2 === 0 },
      ],
    },
    backends: { list: () => answer(empty ? [] : VERDICTS), measure: noop },
    ledger: fakeLedger(ledgerOf(scenario), answer),
    calculator: createPrivacyCalculator(),
  };
}
