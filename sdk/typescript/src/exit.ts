import { nodeProcess } from './node.ts';
import type { Outbox } from './outbox.ts';

// Delivers what is left when a Node process ends. One set of handlers serves all clients; it keeps no process alive.

/** How long the end of a process may be held up, in milliseconds. */
const LEAVE_MS = 3_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const outboxes = new Set<Outbox>();
let leaving = false;

export function flushAtExit(outbox: Outbox): void {
  if (!nodeProcess) return;
  if (outboxes.size === 0) {
    nodeProcess.on('beforeExit', onBeforeExit);
    nodeProcess.on('exit', leaveNow);
    for (const signal of SIGNALS) nodeProcess.on(signal, onSignal);
  }
  outboxes.add(outbox);
}

export function forgetAtExit(outbox: Outbox): void {
  if (!outboxes.delete(outbox) || outboxes.size > 0) return;
  nodeProcess?.off('beforeExit', onBeforeExit);
  nodeProcess?.off('exit', leaveNow);
  for (const signal of SIGNALS) nodeProcess?.off(signal, onSignal);
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
