// Builds what is missing or stale, then runs it in this process: `npm start`, `npm run keys -- …`.
import { existsSync } from 'node:fs';

const program = process.argv[2] ?? 'main';

// An image has dist/ and nothing to build it from.
if (existsSync(new URL('../tsconfig.build.json', import.meta.url))) {
  const { build } = await import('./build.js');
  build();
}
await import(`../dist/${program}.js`);
