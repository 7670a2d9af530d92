// Passed to node as --import. tsx turns TypeScript on in the main thread only; this does it in worker threads.
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  const { register } = await import('tsx/esm/api');
  register();
}
