import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../../src/live/bus.ts';
import type { LogReader } from '../../src/live/hub.ts';
import type { JsonRow } from '../../src/store/records.ts';
import type { Writer } from '../../src/store/writer.ts';
import { configOf } from './config.ts';
import { LogModel } from './log-model.ts';
import type { AppendCall, ResultRow, Statement } from './log-model.ts';
import { runSchedule } from './schedule.ts';
import type { Options } from './schedule.ts';
import { installTimers } from './timers.ts';

// A test that cannot fail holds nothing. Each of these servers has one part that breaks a promise, and the schedules find it.

/** A mutant that is not found within so many is not looked for where it is. */
const MOST_SCHEDULES = 3_000;

/** An update too early, too late, or never. */
const GAP = /got \d+, but the next is|has not come/;

type Mutant = { what: string; mutations: NonNullable<Options['mutations']>; breaks: RegExp };

const bus = (change: (bus: Bus) => Partial<Bus>) => ({ bus: (good: Bus) => ({ ...good, ...change(good) }) });
const reader = (change: (reader: LogReader) => Partial<LogReader>) => ({ reader: (good: LogReader) => ({ ...good, ...change(good) }) });

/** The statements of a writer, changed before they are sent. */
const statements = (change: (values: unknown[]) => unknown[]) => ({
  writerPool: (good: Pool) => ({ query: (statement: Statement) => (good.query as unknown as (sent: Statement) => Promise<unknown>)({ ...statement, values: change(statement.values) }) }) as unknown as Pool,
});

class Forgetful extends LogModel {
  #writes = 0;

  override append(call: AppendCall): ResultRow[] {
    const rows = super.append(call);
    if (++this.#writes % 20 === 0) this.#loseNewest();
    return rows;
  }

  #loseNewest() {
    for (const { events, eventsById } of this.projects.values()) {
      const lost = events.pop();
      if (lost) eventsById.delete(lost.id);
    }
  }
}

/** Its reads do not show yet what was committed last. */
class Lagging extends LogModel {
  #newest = new Set<unknown>();

  override append(call: AppendCall): ResultRow[] {
    this.#newest = new Set(call.events.map(({ id }) => id));
    return super.append(call);
  }

  override read(statement: Statement): unknown[] {
    const rows = super.read(statement) as JsonRow[];
    return statement.name?.startsWith('log_page') ? rows.filter((row) => !this.#newest.has(row['id'])) : rows;
  }
}

const MUTANTS: readonly Mutant[] = [
  {
    what: 'a bus that hides that messages were lost',
    mutations: bus((good) => ({
      subscribeLog(projectId, listener) {
        let last: number | undefined;
        return good.subscribeLog(projectId, (message) => {
          listener({ ...message, from: last === undefined ? message.from : last + 1 });
          last = message.to;
        });
      },
    })),
    breaks: GAP,
  },
  {
    what: "a bus that delivers another project's messages",
    mutations: bus((good) => ({ subscribeLog: (_projectId, listener) => good.subscribeLog('p1', listener) })),
    breaks: GAP,
  },
  {
    what: 'a hub that goes past a hole without reading it',
    mutations: reader(() => ({ events: (_projectId, _after, upTo) => Promise.resolve({ events: [], reached: upTo }) })),
    breaks: GAP,
  },
  {
    what: 'a page of the log that says it reaches one row further than it does',
    mutations: reader((good) => ({
      async events(...range) {
        const { events, reached } = await good.events(...range);
        return { events: events.length > 1 ? events.slice(0, -1) : events, reached };
      },
    })),
    breaks: GAP,
  },
  {
    what: 'a page of the log that says it reaches one row less far than it does',
    mutations: reader((good) => ({
      async events(projectId, after, upTo, filter) {
        const { events, reached } = await good.events(projectId, after, upTo, filter);
        return { events, reached: Math.max(after + 1, reached - 1) };
      },
    })),
    breaks: /its cursor was \d+ already/,
  },
  {
    what: 'a hub that never asks again how far the log is',
    mutations: reader((good) => {
      const known = new Map<string, number>();
      return {
        async heads(projectIds) {
          const heads = await good.heads(projectIds);
          return new Map(Array.from(heads, ([id, head]) => [id, known.get(id) ?? (known.set(id, head), head)]));
        },
      };
    }),
    breaks: GAP,
  },
  {
    what: 'a reader of the log that takes no filter',
    mutations: reader((good) => ({ events: (projectId, after, upTo) => good.events(projectId, after, upTo, {}) })),
    breaks: GAP,
  },
  {
    what: 'a writer that does not look for what an earlier attempt may have stored',
    mutations: statements((values) => values.with(4, null)),
    breaks: /was answered "failed", but the database had nothing against it|is in the log, but was answered "not accepted"/,
  },
  {
    what: 'a writer that answers before the database does',
    mutations: {
      writer: (good: Writer) => ({
        ...good,
        write: (changes) => {
          void good.write(changes).catch(() => undefined);
          return Promise.resolve(changes.map(() => ({ outcome: 'stored', position: 1, found: null })));
        },
      }),
    },
    breaks: /was answered "stored" at 1, but it is not there/,
  },
  {
    what: 'a writer that keeps its callers waiting', // on the simulated clock
    mutations: { writer: (good: Writer) => ({ ...good, write: async (changes) => await good.write(changes).finally(() => new Promise((resolve) => setTimeout(resolve, 5_000))) }) },
    breaks: /was answered after \d+/,
  },
  {
    what: 'a writer that says nothing of failures',
    mutations: { writer: (good: Writer) => ({ ...good, write: async (changes) => (await good.write(changes)).map((outcome) => (outcome.outcome === 'failed' ? { outcome: 'stored', position: 0, found: null } : outcome)) }) },
    breaks: /was answered "stored" at 0, but it is not there/,
  },
  { what: 'a database that forgets what it has committed', mutations: { log: () => new Forgetful() }, breaks: /it is not there|has \d+ positions|the next is/ },
  { what: 'a database whose reads lag behind its commits', mutations: { log: () => new Lagging() }, breaks: GAP },
  {
    what: 'a ring that is not told what its rows weigh',
    mutations: bus((good) => ({ subscribeLog: (projectId, listener) => good.subscribeLog(projectId, (message) => listener({ ...message, bytes: 0 })) })),
    breaks: /a ring holds \d+ rows of \d+ bytes/,
  },
];

let restore: () => void;
beforeAll(() => {
  restore = installTimers();
});
afterAll(() => restore());

async function firstBroken(mutations: Mutant['mutations']): Promise<{ seed: number; violation: string } | undefined> {
  for (let seed = 1; seed <= MOST_SCHEDULES; seed++) {
    const { violation } = await runSchedule(configOf(seed), { mutations });
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}

describe('the schedules find', () => {
  it.each(MUTANTS)('$what', { timeout: 300_000 }, async ({ mutations, breaks }) => {
    const found = await firstBroken(mutations);
    expect(found?.violation).toMatch(breaks);
  });
});

describe('a schedule', () => {
  it('is the same each time that its seed is run', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const [once, again] = [await runSchedule(configOf(seed), { tells: true }), await runSchedule(configOf(seed), { tells: true })];
      expect(again).toEqual(once);
      expect(once.account.length).toBeGreaterThan(10);
    }
  });
});
