import { registerGradient } from '@tensorflow/tfjs-core';
import { addGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Add_grad.js';
import { batchMatMulGradConfig } from '@tensorflow/tfjs-core/dist/gradients/BatchMatMul_grad.js';
import { conv2DGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Conv2D_grad.js';
import { maxPoolGradConfig } from '@tensorflow/tfjs-core/dist/gradients/MaxPool_grad.js';
import { reluGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Relu_grad.js';
import { reshapeGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Reshape_grad.js';
import { sigmoidGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Sigmoid_grad.js';
import { tanhGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Tanh_grad.js';

/**
 * tfjs-core alone knows no gradients. Registered one by one, because the whole set is twice the download and
 * its barrel file does not load in Node outside a bundler. A layer that uses another op adds its gradient here.
 */
for (const config of [
  addGradConfig,
  batchMatMulGradConfig,
  conv2DGradConfig,
  maxPoolGradConfig,
  reluGradConfig,
  reshapeGradConfig,
  sigmoidGradConfig,
  tanhGradConfig,
]) {
  registerGradient(config);
}
