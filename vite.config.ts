import { VitePWA } from 'vite-plugin-pwa';
import { defineConfig } from 'vitest/config';
import { assembleKernels } from './scripts/assemble-kernels.ts';

/** Room for the largest worker bundle (tfjs with its WebGPU backend) in the offline cache. */
const MAX_PRECACHED_BYTES = 6_000_000;

export default defineConfig({
  root: 'web',
  resolve: {
    alias: {
      'simple-peer': 'simple-peer/simplepeer.min.js',
      // In tests too as Node finds it, or there would be two of it that do not know each other's types.
      graphql: 'graphql/index.js',
    },
  },
  build: { outDir: '../dist/web', emptyOutDir: true, target: 'es2022' },
  worker: { format: 'es' },
  plugins: [
    { name: 'assemble-kernels', buildStart: assembleKernels },
    VitePWA({
      registerType: 'prompt',
      injectRegister: false,
      manifest: {
        id: '/',
        name: 'Murmuration',
        short_name: 'Murmuration',
        description:
          'Train one shared model together, from your own browsers. The data stays on each device.',
        start_url: '/',
        scope: '/',
        display: 'standalone',
        background_color: '#f3f6f8',
        theme_color: '#f3f6f8',
        categories: ['education', 'productivity', 'utilities'],
        icons: [
          { src: '/icons/icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: '/icons/icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: '/icons/icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
          { src: '/icons/icon.svg', sizes: 'any', type: 'image/svg+xml' },
        ],
      },
      workbox: {
        globPatterns: ['**/*.{js,css,html,svg,png,wasm}'],
        // The operator's pages: they need the server anyway, and few devices are an operator's.
        globIgnores: ['**/operator-*.js', '**/*-section-*.js'],
        maximumFileSizeToCacheInBytes: MAX_PRECACHED_BYTES,
        navigateFallback: 'index.html',
        navigateFallbackDenylist: [/^\/(?:api|ws|health|graphql)(?:\/|$)/],
        cleanupOutdatedCaches: true,
      },
    }),
  ],
  test: {
    root: '.',
    include: ['{shared,signaling-server,web,scripts}/**/*.test.ts'],
    maxWorkers: 2,
    // A guard against hanging, not a measurement: statistics and fuzz take seconds, and more on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    globalSetup: 'scripts/assemble-before-tests.ts',
  },
});
