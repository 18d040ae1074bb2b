import { type Federation, type FederationInput, parseFederation } from '../../federation/index.ts';
import { layoutOf } from '../../update/index.ts';

/** A document with this strategy, for tests. */
export function strategyFederation(
  strategy: FederationInput['strategy'],
  more: Partial<FederationInput> = {},
): Federation {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'strategies',
    name: 'Strategies',
    data: { kind: 'records', features: 1 },
    model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
    cohort: { groupSize: 4 },
    ...more,
    ...(strategy === undefined ? {} : { strategy }),
  });
}

/** A model of so many weights. */
export const vectorLayout = (length: number) => layoutOf([{ name: 'w', shape: [length] }]);
