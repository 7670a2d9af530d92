/** Told of what passes through an iterator, each thing at most once but `item`. */
export interface Watcher<Item> {
  item(item: Item): void;
  /** It came to its end by itself. */
  end(): void;
  /** It threw. */
  fail(error: unknown): void;
  /** The consumer stopped before the end. */
  close(): void;
}

/**
 * The same iterator, with somebody watching: items pass through as they are, one by one, at the consumer's pace.
 * The watcher must not throw.
 */
export function watched<Item, End>(source: AsyncIterator<Item, End>, watcher: Watcher<Item>): AsyncIterableIterator<Item, End> {
  let over = false;
  function once(tell: () => void) {
    if (!over) {
      over = true;
      tell();
    }
  }
  async function observed(step: Promise<IteratorResult<Item, End>>): Promise<IteratorResult<Item, End>> {
    let result;
    try {
      result = await step;
    } catch (error) {
      once(() => watcher.fail(error));
      throw error;
    }
    if (result.done) once(() => watcher.end());
    else if (!over) watcher.item(result.value);
    return result;
  }
  const iterator: AsyncIterableIterator<Item, End> = {
    next: (...args: []) => observed(source.next(...args)),
    [Symbol.asyncIterator]: () => iterator,
  };
  if (source.return) {
    iterator.return = (value?: End | PromiseLike<End>) => {
      once(() => watcher.close());
      return source.return!(value);
    };
  }
  if (source.throw) {
    iterator.throw = (error?: unknown) => observed(source.throw!(error));
  }
  return iterator;
}
