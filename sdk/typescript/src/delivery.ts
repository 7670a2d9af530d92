import { SentrialError } from './errors.ts';
import { CompleteSession, CreateSession, RecordEvents, UpdateSession } from './generated/operations.ts';
import type { Operation, RecordEventsMutation } from './generated/operations.ts';
import type { Item } from './item.ts';
import { isPassing } from './transport.ts';
import type { Transport } from './transport.ts';

/** What became of an item: undefined when the server has it. A retryable error: it was not reached, or is busy. */
type Outcome = SentrialError | undefined;

export class Outcomes {
  readonly #of = new Map<Item, Outcome>();
  /** The first error that says that the server is not there. */
  away: Outcome;

  set(item: Item, outcome: Outcome): void {
    if (outcome?.retryable) this.away ??= outcome;
    this.#of.set(item, outcome);
  }

  get = (item: Item): Outcome => this.#of.get(item);
}

export type Delivery = {
  transport: Transport;
  signal: AbortSignal;
  /** Most events and bytes in one request. */
  maxEvents: number;
  maxBytes: number;
};

/** How many requests for single sessions run at a time. */
const WIDTH = 8;

const ALIVE = '{__typename}' as Operation<{ __typename: string }, Record<string, never>>;

/**
 * Delivers: sessions are begun, then events recorded in their order, then sessions changed, those of one session in
 * their order. Never rejects. Once the server is not reached, what is left is not tried.
 */
export async function deliver(items: readonly Item[], delivery: Delivery): Promise<Outcomes> {
  const outcomes = new Outcomes();
  const of = (...kinds: string[]) => items.filter((item) => kinds.includes(item.kind));
  await inParallel(of('create').map((item) => [item]), delivery, outcomes);
  for (const batch of batches(of('event'), delivery)) {
    await recordEvents(batch, delivery, outcomes);
  }
  await inParallel([...bySession(of('update', 'complete')).values()], delivery, outcomes);
  return outcomes;
}

function* batches(items: readonly Item[], { maxEvents, maxBytes }: Delivery): Generator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    if (batch.length === maxEvents || (batch.length > 0 && bytes + item.bytes > maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += item.bytes;
  }
  if (batch.length > 0) yield batch;
}

function bySession(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(item.sessionId);
    if (group) group.push(item);
    else groups.set(item.sessionId, [item]);
  }
  return groups;
}

/** Each chain in its order, several chains at a time. */
async function inParallel(chains: readonly Item[][], delivery: Delivery, outcomes: Outcomes): Promise<void> {
  const waiting = chains.values();
  async function work() {
    for (const chain of waiting) {
      for (const item of chain) outcomes.set(item, outcomes.away ?? (await writeSession(item, delivery)));
    }
  }
  await Promise.all(Array.from({ length: Math.min(WIDTH, chains.length) }, work));
}

async function writeSession(item: Item, { transport, signal }: Delivery): Promise<Outcome> {
  const operation = item.kind === 'create' ? CreateSession : item.kind === 'update' ? UpdateSession : CompleteSession;
  try {
    await transport.requestText(operation as Operation<unknown, unknown>, `{"input":${item.text}}`, signal);
    return undefined;
  } catch (thrown) {
    const error = thrown as SentrialError;
    return (await isTheItem(error, { transport, signal })) ? refusal(item, error) : error;
  }
}

/** Refusals are of the item itself; a batch that is refused as a whole is halved until the items at fault stand alone. */
async function recordEvents(items: readonly Item[], delivery: Delivery, outcomes: Outcomes): Promise<void> {
  if (outcomes.away) return items.forEach((item) => outcomes.set(item, outcomes.away));
  let results: RecordEventsMutation['recordEvents'];
  try {
    results = await request(items, delivery);
  } catch (thrown) {
    const error = thrown as SentrialError;
    const atFault = await isTheItem(error, delivery);
    const mayBeOne = atFault && (error.code === 'BAD_USER_INPUT' || error.code === 'TOO_LARGE' || error.code === 'INTERNAL_SERVER_ERROR');
    if (mayBeOne && items.length > 1) {
      const middle = Math.ceil(items.length / 2);
      await recordEvents(items.slice(0, middle), delivery, outcomes);
      await recordEvents(items.slice(middle), delivery, outcomes);
    } else for (const item of items) outcomes.set(item, atFault ? refusal(item, error) : error);
    return;
  }
  items.forEach((item, index) => {
    const said = results[index]?.error;
    outcomes.set(item, said ? refusal(item, new SentrialError(said.code as SentrialError['code'], said.message, { retryable: said.code === 'OVERLOADED' })) : undefined);
  });
}

/** Events that fail for a passing reason while others of their request do not are sent again, alone, once. */
async function request(items: readonly Item[], { transport, signal }: Delivery): Promise<RecordEventsMutation['recordEvents']> {
  const send = async (some: readonly Item[]) => {
    const data = await transport.requestText(RecordEvents, `{"input":[${some.map((item) => item.text).join(',')}]}`, signal);
    if (!Array.isArray(data?.recordEvents) || data.recordEvents.length !== some.length) {
      throw new SentrialError('MALFORMED', `The server answered a batch of ${some.length} events without as many results`, { retryable: true });
    }
    return data.recordEvents;
  };
  const results = await send(items);
  const passing = items.flatMap((_, index) => (isPassing(results[index]?.error?.code ?? '') ? [index] : []));
  if (passing.length === 0) return results;
  const again = await send(passing.map((index) => items[index]!));
  const merged = [...results];
  passing.forEach((index, place) => (merged[index] = again[place]!));
  return merged;
}

/**
 * Whether the server, which answered so, is at odds with what was sent. An internal error may be either: then the
 * server is asked something harmless. Otherwise one item that it stumbles over would hold up all others for ever.
 */
async function isTheItem(error: SentrialError, { transport, signal }: Pick<Delivery, 'transport' | 'signal'>): Promise<boolean> {
  if (!error.retryable) return true;
  if (error.code !== 'INTERNAL_SERVER_ERROR') return false;
  try {
    await transport.request(ALIVE, {}, signal);
    return true;
  } catch {
    return false;
  }
}

const NAMES = { create: 'beginning', event: 'an event of', update: 'changing', complete: 'ending' } as const;

/** Says which item, and is not retryable unless it says so itself. */
const refusal = (item: Item, error: SentrialError) =>
  new SentrialError(error.code, `The server refused ${NAMES[item.kind]} session ${item.sessionId}: ${error.message}`, {
    cause: error,
    ...(error.status !== undefined && { status: error.status }),
    retryable: error.retryable && error.code === 'OVERLOADED',
  });
