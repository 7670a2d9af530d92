// What the two sides of the worker say to each other. `connection` numbers the clients; there is one at a time.

export type Job = { task: 'create' | 'serve'; folder: string };

export type ToWorker =
  | { kind: 'request'; connection: number; bytes: Uint8Array<ArrayBuffer>; settled: boolean }
  | { kind: 'hang up'; connection: number }
  | { kind: 'close' };

export type FromWorker =
  | { kind: 'ready' }
  | { kind: 'answer'; connection: number; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'failed'; message: string }
  | { kind: 'trouble'; message: string }
  | { kind: 'closed' };
