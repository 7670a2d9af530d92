import { defineConfig } from 'prisma/config';

// Only Prisma's own CLI reads this file. The server applies the same SQL files itself (src/store/migrate.ts).
const url = process.env['DATABASE_URL'];

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(url ? { datasource: { url } } : {}),
});
