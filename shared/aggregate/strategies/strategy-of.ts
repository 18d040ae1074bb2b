import { check } from '../../errors/index.ts';
import { type Federation, type Strategy as StrategySpec, strategySlots } from '../../federation/index.ts';
import type { Layout } from '../../update/index.ts';
import { MAX_MESSAGE_BYTES } from '../../wire/index.ts';
import type { Strategy } from '../strategy.ts';
import type { ServerRule } from './apply-step.ts';
import { fedAvg } from './fed-avg.ts';
import { fedNova } from './fed-nova.ts';
import { qFedAvg } from './q-fed-avg.ts';
import { scaffold } from './scaffold.ts';

/**
 * What the document's `strategy.type` and `serverOptimizer` say.
 * @throws `model.invalid` for a model that could not travel with what the strategy remembers.
 */
export function strategyOf(
  { strategy, training }: Pick<Federation, 'strategy' | 'training'>,
  { length }: Pick<Layout, 'length'>,
): Strategy {
  const bytes = 4 * length * (1 + strategySlots(strategy));
  check(
    bytes < MAX_MESSAGE_BYTES,
    'model.invalid',
    'A model with what its strategy remembers is too large to send.',
    {
      path: 'strategy',
      expected: `at most ${MAX_MESSAGE_BYTES} bytes`,
      received: `${length} parameters with ${strategySlots(strategy)} numbers beside each: ${bytes} bytes`,
      remedy: 'Choose a smaller model, or a server optimizer that remembers less.',
    },
  );
  const rule = serverRuleOf(strategy);
  switch (strategy.type) {
    case 'fedavg':
    case 'fedbuff':
      return fedAvg(rule);
    case 'scaffold':
      return scaffold(rule, strategy, length);
    case 'fednova':
      return fedNova(rule, strategy, training);
    case 'qfedavg':
      return qFedAvg(rule, strategy, training);
  }
}

function serverRuleOf({ serverLearningRate: learningRate, serverOptimizer }: StrategySpec): ServerRule {
  return { optimizer: serverOptimizer ?? { type: 'sgd', momentum: 0, nesterov: false }, learningRate };
}
