import { check } from '../errors/index.ts';
import type { Federation } from './document.ts';

/**
 * What a strategy that is more than a mean asks of the rest of a federation. SPEC F-15 to F-17, F-20.
 * @throws `federation.invalid`, naming the field that does not go with it.
 */
export function checkStrategy(federation: Federation): void {
  const { strategy, paths } = federation;
  checkRollback(federation);
  switch (strategy.type) {
    case 'fedavg':
      return;
    case 'fedbuff':
      return check(
        paths.includes('server'),
        'federation.invalid',
        'Only the server is there all the time, to hear who is ready.',
        { path: 'paths', expected: 'paths that include "server" with fedbuff', received: paths.join(', ') },
      );
    case 'scaffold':
      checkUnnoised(federation);
      checkPlainSteps(federation);
      return checkScaffold(federation);
    case 'fednova':
      checkUnnoised(federation);
      return checkPlainSteps(federation);
    case 'qfedavg':
      checkUnnoised(federation);
      return check(
        federation.privacy.record === undefined,
        'federation.invalid',
        'The loss that qfedavg sends carries no noise: it would give away what record-level privacy promises to hide.',
        {
          path: 'privacy.record',
          expected: 'nothing with qfedavg',
          remedy: 'Choose another strategy, or leave privacy.record out.',
        },
      );
  }
}

/** Without accuracy no version is worse than another, and nothing would ever be taken back. SPEC F-20. */
function checkRollback({ strategy, evaluation, data }: Federation): void {
  if (strategy.rollback === undefined) return;
  check(
    evaluation !== 'none',
    'federation.invalid',
    'Nobody evaluates versions, so that none is known to be worse than another.',
    {
      path: 'strategy.rollback',
      expected: 'nothing with evaluation "none"',
      remedy: 'Set evaluation, to "server" for instance, or leave strategy.rollback out.',
    },
  );
  check(
    data.kind === 'image' || data.target.type !== 'value',
    'federation.invalid',
    'Versions are compared by their accuracy, which models of a value do not have.',
    { path: 'strategy.rollback', expected: 'nothing where data.target is a value', remedy: 'Leave it out.' },
  );
}

/** What goes along with an update has no part in the sensitivity that noise is sized for. */
function checkUnnoised({ strategy, privacy }: Federation): void {
  const { type } = strategy;
  check(
    privacy.participant === undefined,
    'federation.invalid',
    `${type} sends more than an update, which noise on whole updates would not hide.`,
    {
      path: 'privacy.participant',
      expected: `nothing with ${type}`,
      remedy: 'Choose the strategy "fedavg", or leave privacy.participant out.',
    },
  );
}

/** Both divide an update by the steps that made it, as if each step were a gradient times the learning rate. */
function checkPlainSteps({ strategy, training }: Federation): void {
  const { optimizer } = training;
  const isPlain = optimizer.type === 'sgd' && optimizer.momentum === 0;
  check(
    isPlain,
    'federation.invalid',
    `${strategy.type} divides updates by local steps that are gradients times the learning rate.`,
    {
      path: optimizer.type === 'sgd' ? 'training.optimizer.momentum' : 'training.optimizer.type',
      expected: `sgd without momentum with ${strategy.type}`,
      received: optimizer.type === 'sgd' ? `a momentum of ${optimizer.momentum}` : optimizer.type,
      remedy: 'Choose plain sgd on the devices; strategy.serverOptimizer may have momentum.',
    },
  );
}

function checkScaffold({ strategy }: Federation): void {
  check(
    strategy.weighting === 'uniform',
    'federation.invalid',
    'The variate of scaffold is the mean over participants, of which each counts the same.',
    {
      path: 'strategy.weighting',
      expected: 'uniform with scaffold',
      received: strategy.weighting,
      remedy: 'Set strategy.weighting to "uniform".',
    },
  );
}
