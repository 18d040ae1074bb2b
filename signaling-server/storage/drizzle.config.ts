import { defineConfig } from 'drizzle-kit';

/** After a change to schema.ts: `npx drizzle-kit generate --config signaling-server/storage/drizzle.config.ts`. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './signaling-server/storage/schema.ts',
  out: './signaling-server/storage/migrations',
});
