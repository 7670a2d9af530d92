const waiting: (() => void)[] = [];

/**
 * Resolves in a turn of the event loop that is nobody else's. What many wait for at once is then handed out one by one,
 * and what arrives meanwhile, a write among them, need not wait until all have had it.
 */
export function ownTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(next);
  });
}

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}
