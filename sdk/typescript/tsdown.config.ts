import { defineConfig } from 'tsdown';

// graphql-ws is bundled (its client needs nothing else), so that the package depends on `ws` alone, and on that
// only where the runtime has no WebSocket. What is imported lazily stays a file of its own.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    claude: 'src/claude/index.ts',
    langchain: 'src/langchain/index.ts',
    openai: 'src/openai/index.ts',
    anthropic: 'src/anthropic/index.ts',
    ai: 'src/ai/index.ts',
  },
  format: ['esm', 'cjs'],
  platform: 'neutral',
  target: 'es2022',
  tsconfig: 'tsconfig.build.json',
  dts: true,
  sourcemap: true,
  fixedExtension: false,
});
