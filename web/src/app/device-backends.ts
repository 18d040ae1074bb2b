import { emptyExamples, exampleFormat } from '../../../shared/dataset/index.ts';
import { deviceVerdicts } from '../trainer/verdict-memory.ts';
import type { BackendsService, FederationsService } from './services.ts';

/** Measures in a worker of its own, which ends when it has chosen. */
export function deviceBackends(federations: Pick<FederationsService, 'get'>): BackendsService {
  return {
    list: () => deviceVerdicts.load(),
    async measure(federationId, signal) {
      const [{ value: federation }, { createTrainer }] = await Promise.all([
        federations.get(federationId, signal),
        import('../trainer/client.ts'),
      ]);
      const load = async () => ({
        examples: emptyExamples(exampleFormat(federation.data), 0),
        evaluation: undefined,
      });
      // Reads nothing of what was measured before, so that it is measured anew.
      const memory = { load: async () => [], add: deviceVerdicts.add };
      const trainer = await createTrainer({ federation, load, memory, signal });
      trainer.dispose();
    },
  };
}
