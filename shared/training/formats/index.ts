export { exportKeras, type KerasExport, type KerasFiles, type KerasNames } from './keras-export.ts';
export { type ImportedModel, importKeras } from './keras-import.ts';
export type { NamedBytes } from './keras-weights.ts';
export { type OpenedFile, openModelFile, saveKeras, saveSafetensors } from './model-file.ts';
export { readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.ts';
export { flatWeights, type NamedTensor, tensorsIn } from './tensor.ts';
