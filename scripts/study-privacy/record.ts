import { strategyOf, sumSlices } from '../../shared/aggregate/index.ts';
import { encodingOf } from '../../shared/compress/index.ts';
import { eventsOf, type ReleaseEvent } from '../../shared/ledger/index.ts';
import { seededRandom } from '../../shared/random/index.ts';
import { plannedRelease, protectUpdate } from '../../shared/session/pipeline.ts';
import { iidPartition } from '../../shared/simulate/index.ts';
import { compileModel, trainLocally } from '../../shared/training/index.ts';
import type { Model } from '../../shared/update/index.ts';
import { noiseFor, spentBy } from './accounting.ts';
import { FEATURES } from './features.ts';
import { studyNoise } from './noise.ts';
import { type RecordRecipe, recordFederation, recordRecipe } from './recipes.ts';
import { evaluator, featureSource, type Outcome, outcomeOf, type StudyHost, zeroModel } from './training.ts';
import type { RecordUnit } from './units.ts';

/**
 * One curve of record-level privacy, by the functions that a federation's rounds are made of: each device trains a pass by DP-SGD,
 * its update is protected and released, the mean of the updates moves the model. `central` is the same with one device.
 */
export async function runRecordUnit(unit: RecordUnit, host: StudyHost): Promise<Outcome> {
  const { epsilon, seed } = unit;
  const recipe = recordRecipe(unit);
  const { devices, rounds } = recipe;
  const partition = iidPartition(host.train.count, devices, seededRandom(`${seed}/partition`));
  const examples = partition[0]!.length;
  const noiseMultiplier = noiseFor(epsilon, (noise) => ({
    mechanism: 'self-composed',
    event: eventsOf(planned(recipe, noise, examples)).record,
    count: rounds,
  }));

  const federation = recordFederation(recipe, noiseMultiplier);
  const compiled = compileModel(federation);
  const encoding = encodingOf(federation, compiled.layout.length);
  const accuracyOf = evaluator(compiled, host.test, host.signal);
  const sources = partition.map((rows) => featureSource(host.train, rows, FEATURES));
  const { random, signal } = host;
  const privacy = { record: federation.privacy.record!, random };
  const noise = studyNoise(random);
  const strategy = strategyOf(federation, compiled.layout);
  const models: Model[] = [zeroModel(compiled)];
  const releases: ReleaseEvent[] = [];
  for (let round = 1; round <= rounds; round++) {
    const base = models.at(-1)!;
    const sent = [];
    for (const [device, source] of sources.entries()) {
      const job = { compiled, examples: source, base, training: federation.training, signal, privacy };
      const { update } = await trainLocally({ ...job, seed: `${seed}/${round}/${device}` });
      const facts = { baseHash: base.hash, invited: devices, random, noise };
      const protectedUpdate = protectUpdate(update, federation, encoding, facts);
      sent.push(protectedUpdate.update);
      // Digits are dealt out: what one device releases is all that is ever released of its own.
      if (device === 0) releases.push(protectedUpdate.release);
    }
    models.push(strategy.apply(base, sumSlices(sent), compiled.layout, encoding));
    host.onPoint({ round, accuracy: await accuracyOf(models.at(-1)!) });
  }
  return outcomeOf({
    compiled,
    models,
    accuracyOf,
    noiseMultiplier,
    spent: spentBy({ mechanism: 'composed', events: releases.map((release) => eventsOf(release).record) }),
    facts: { ...recipe, samplingRate: recipe.batchSize / examples },
  });
}

function planned(recipe: RecordRecipe, noiseMultiplier: number, examples: number): ReleaseEvent {
  const federation = recordFederation(recipe, noiseMultiplier);
  return plannedRelease(federation, { examples, cohortSize: recipe.devices, dimension: 1 });
}
