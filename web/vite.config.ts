import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `npm run dev -w web` serves the page with hot reload and passes everything else to a server on port 3001.
const server = 'http://localhost:3001';

export default defineConfig({
  plugins: [react()],
  // No file is inlined as data: the Content-Security-Policy allows our own files only. One file has all styles, so that
  // a page that is read later looks right whatever became of its own.
  build: { target: 'es2023', cssTarget: ['chrome123', 'firefox120', 'safari17.5'], assetsInlineLimit: 0, cssCodeSplit: false, modulePreload: { polyfill: false } },
  server: {
    proxy: Object.fromEntries(['/graphql', '/login', '/logout', '/readyz'].map((path) => [path, { target: server, ws: path === '/graphql' }])),
  },
});
