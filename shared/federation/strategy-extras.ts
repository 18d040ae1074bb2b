import type { Strategy } from './document.ts';

/**
 * Coordinates that go with each update, after those of the model: SCAFFOLD's change of a control variate, one number of FedNova and
 * of q-FedAvg. SPEC Y-02.
 * @param parameters of the model.
 */
export function strategyExtras({ type }: Pick<Strategy, 'type'>, parameters: number): number {
  switch (type) {
    case 'scaffold':
      return parameters;
    case 'fednova':
    case 'qfedavg':
      return 1;
    case 'fedavg':
    case 'fedbuff':
      return 0;
  }
}

/** How many vectors of the model's length its models have beside their weights, but for version 0. SPEC M-07, Y-01. */
export function strategySlots({ type, serverOptimizer }: Pick<Strategy, 'type' | 'serverOptimizer'>): number {
  const own = type === 'scaffold' ? 1 : 0;
  if (serverOptimizer === undefined) return own;
  if (serverOptimizer.type === 'sgd') return own + (serverOptimizer.momentum === 0 ? 0 : 1);
  return own + (serverOptimizer.beta1 === 0 ? 1 : 2);
}
