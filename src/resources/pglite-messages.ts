import type { InterruptHandle } from './pglite-interrupt.ts';

// What the two sides of the worker say to each other. `connection` numbers the clients; there is one at a time.

export type Job = { task: 'create'; folder: string } | { task: 'serve'; folder: string; mostAnswerBytes: number };

export type ToWorker =
  | { kind: 'request'; connection: number; bytes: Uint8Array<ArrayBuffer>; settled: boolean }
  | { kind: 'hang up'; connection: number }
  | { kind: 'close' };

export type FromWorker =
  | { kind: 'ready'; interrupt?: InterruptHandle }
  | { kind: 'answer'; connection: number; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'too large'; connection: number; mostBytes: number }
  | { kind: 'failed'; message: string }
  | { kind: 'trouble'; message: string }
  | { kind: 'closed' };
