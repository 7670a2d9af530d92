import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `npm run dev -w web` serves the page with hot reload and passes everything else to a server on port 3001.
const server = 'http://localhost:3001';

export default defineConfig({
  plugins: [react()],
  // No file is inlined as data: the Content-Security-Policy allows our own files only.
  build: { target: 'es2023', cssTarget: ['chrome123', 'firefox120', 'safari17.5'], assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: {
    proxy: Object.fromEntries(['/graphql', '/login', '/logout', '/readyz'].map((path) => [path, { target: server, ws: path === '/graphql' }])),
  },
});
