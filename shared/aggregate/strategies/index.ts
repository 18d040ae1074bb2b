export {
  applyOptimizer,
  initOptimizer,
  type OptimizerRule,
  type OptimizerStep,
  optimizerSlots,
} from './server-optimizer.ts';
export { stalenessWeight } from './staleness.ts';
export { strategyOf } from './strategy-of.ts';
