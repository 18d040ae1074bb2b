import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: 'web',
  resolve: { alias: { 'simple-peer': 'simple-peer/simplepeer.min.js' } },
  build: { outDir: '../dist/web', emptyOutDir: true, target: 'es2022' },
  worker: { format: 'es' },
  test: {
    root: '.',
    include: ['{shared,signaling-server,web,scripts}/**/*.test.ts'],
    maxWorkers: 2,
  },
});
