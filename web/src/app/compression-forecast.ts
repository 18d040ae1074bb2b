import { pipelineOf, planCompression } from '../../../shared/compress/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { compileModel } from '../../../shared/training/model/compile.ts';
import type { CompressionForecast } from './services.ts';

/**
 * What a round will cost and lose, from the document alone. Loaded when somebody asks: shapes of the model take a part of the training
 * engine to know.
 * @throws `compress.no-pipeline`; `model.invalid`; `update.overflow`.
 */
export function compressionForecast(federation: Federation): CompressionForecast {
  const { layout } = compileModel(federation);
  const { compression } = federation.strategy;
  if (compression?.uploadBytes !== undefined) return planCompression(federation, layout);
  const plain = pipelineOf(federation, layout, undefined);
  const chosen = compression === undefined ? plain : pipelineOf(federation, layout, compression);
  return { budgetBytes: undefined, plain: plain.cost, chosen, considered: [] };
}
