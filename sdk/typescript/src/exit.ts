import { nodeProcess } from './node.ts';
import type { Outbox } from './outbox.ts';

// Delivers what is left when a Node process ends. One set of handlers serves all clients; it keeps no process alive.

/** How long the end of a process may be held up, in milliseconds. */
const LEAVE_MS = 3_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type Leaving = Pick<Outbox, 'leave' | 'leaveNow'>;
type AtExit = {
  outboxes: Set<Leaving>;
  /** Takes the handlers off, whichever copy of this package has put them there. */
  stop?: () => void;
};

/** Of all copies of this package in the process, such as ESM and CJS: two would each take the other for the program's own. */
const { outboxes } = shared();
let leaving = false;

function shared(): AtExit {
  const key = Symbol.for('sentrial.atExit');
  return ((globalThis as { [key]?: AtExit })[key] ??= { outboxes: new Set() });
}

export function flushAtExit(outbox: Leaving): void {
  if (!nodeProcess) return;
  if (outboxes.size === 0) shared().stop = handleExit(nodeProcess);
  outboxes.add(outbox);
}

export function forgetAtExit(outbox: Leaving): void {
  if (outboxes.delete(outbox) && outboxes.size === 0) shared().stop?.();
}

function handleExit(process: NodeJS.Process): () => void {
  process.on('beforeExit', onBeforeExit);
  process.on('exit', leaveNow);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    process.off('beforeExit', onBeforeExit);
    process.off('exit', leaveNow);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}

/** Node emits it again after this, until nothing is left to do. */
const onBeforeExit = () => void leave();

const leave = () => Promise.all([...outboxes].map((outbox) => outbox.leave(LEAVE_MS)));

const leaveNow = () => outboxes.forEach((outbox) => outbox.leaveNow());

/**
 * A handler takes the signal's effect away. So when it is the only one, the signal is sent again once all is
 * delivered or spooled; a second signal in the meantime ends the process at once. With other handlers, the end of the
 * process is theirs.
 */
function onSignal(signal: NodeJS.Signals): void {
  const process = nodeProcess!;
  const isOurs = process.listenerCount(signal) === 1;
  function end() {
    leaveNow();
    if (!isOurs) return;
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  }
  if (leaving) return end();
  leaving = true;
  void leave()
    .finally(() => (leaving = false))
    .then(end);
}
