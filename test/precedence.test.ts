import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createAnalytics } from '../src/store/analytics.ts';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';

// Reads never keep writes waiting (P10): searches and statistics stand in a lane of their own, and have a budget.

const embedded = inject('flavour') === 'embedded';

describe('a read that never ends', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startApp();
    // PostgreSQL can sleep, which costs the machine nothing; PGlite cannot. Its price puts it before other conditions.
    await server.resources.controlPool.query(`CREATE FUNCTION never() RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS 'BEGIN LOOP ${embedded ? '' : 'PERFORM pg_sleep(1);'} END LOOP; END'`);
  });
  afterAll(() => server.close());

  /** Whoever reads the table gets no answer until what this gives is called. */
  async function makeEndless(table: string): Promise<() => Promise<unknown>> {
    const { controlPool } = server.resources;
    await controlPool.query(`ALTER TABLE ${table} RENAME TO ${table}_kept; CREATE VIEW ${table} AS SELECT * FROM ${table}_kept WHERE never()`);
    return () => controlPool.query(`DROP VIEW ${table}; ALTER TABLE ${table}_kept RENAME TO ${table}`);
  }

  const message = expect.stringMatching(/^This read took longer than a read may: 500 ms .* Ask for less/) as string;

  it('such as a search is ended over GraphQL and told why; meanwhile events are written and pages read', { timeout: 60_000 }, async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();
    const restore = await makeEndless('session_text');
    let ended = false;
    const search = tenant.graphql('{ viewer { keyName } sessions(filter: { search: "word" }) { edges { node { id } } } }').finally(() => (ended = true));
    do {
      await tenant.event(id);
      expect((await tenant.rest('GET', `/sessions/${id}/events?limit=1`)).status).toBe(200);
    } while (!ended);
    expect(await search).toMatchObject({ status: 503, errors: [{ message, path: ['sessions'], extensions: { code: 'OVERLOADED', retryAfter: 5 } }] });

    await restore();
    expect(await tenant.run('{ sessions(filter: { search: "word" }) { edges { node { id } } } }')).toEqual({ sessions: { edges: [] } });
  });

  it('such as a list is ended over REST and told why', { timeout: 60_000 }, async () => {
    const tenant = await server.tenant();
    await tenant.session({ agentName: 'agent' });
    const restore = await makeEndless('session');
    let ended = false;
    const list = tenant.rest('GET', '/sessions?agentName=agent').finally(() => (ended = true));
    while (!ended) await server.resources.writerPool.query('SELECT 1');
    const { status, headers, body } = await list;
    expect({ status, body }).toEqual({ status: 503, body: { error: 'Service Unavailable', message } });
    expect(headers.get('retry-after')).toBe('5');

    await restore();
    expect((await tenant.rest('GET', '/sessions?agentName=agent')).status).toBe(200);
  });
});

describe('searches and statistics', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startApp();
    await server.resources.controlPool.query('CREATE SEQUENCE asked');
  });
  afterAll(() => server.close());

  /** Takes every connection of their lane; call what it gives to let them go. */
  async function holdUp(): Promise<() => void> {
    const lane = server.resources.analyticsPool;
    const clients = await Promise.all(Array.from({ length: embedded ? 1 : server.config.databaseAnalyticsPoolSize }, () => lane.connect()));
    return () => clients.forEach((client) => client.release());
  }
  const ask = (analytics: ReturnType<typeof createAnalytics>, n: number) => analytics.query<{ n: number; asked: string }>("SELECT $1::int AS n, nextval('asked') AS asked", [n]).then(({ rows }) => rows[0]!);

  it('are refused at once where too many wait, and those that wait are answered', async () => {
    const analytics = createAnalytics(server.resources.analyticsPool);
    const release = await holdUp();
    const waiting = Array.from({ length: 100 }, (_, n) => ask(analytics, n));
    const refused = ask(analytics, 100);
    await expect(refused).rejects.toMatchObject({ code: 'OVERLOADED', retryAfter: 5, message: expect.stringContaining('Too many searches and statistics') as string });
    release();
    expect((await Promise.all(waiting)).map(({ n }) => n)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('that ask the same while they wait are one; who asks later is answered anew', async () => {
    const analytics = createAnalytics(server.resources.analyticsPool);
    const release = await holdUp();
    const same = Array.from({ length: 50 }, () => ask(analytics, 1));
    const other = ask(analytics, 2);
    release();
    const answers = await Promise.all(same);
    expect(new Set(answers.map(({ asked }) => asked)).size).toBe(1);
    const places = new Set([answers[0]!.asked, (await other).asked, (await ask(analytics, 1)).asked]);
    expect(places.size).toBe(3);
  });
});
