import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createAnalytics } from '../src/store/analytics.ts';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';

// Reads never keep writes waiting (P10): searches and statistics stand in a lane of their own, and have a budget.

const embedded = inject('flavour') === 'embedded';

describe('while searches run that never end', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startApp();
    // PostgreSQL can sleep, which costs the machine nothing; PGlite cannot.
    await server.resources.controlPool.query(`
      CREATE FUNCTION never() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN LOOP ${embedded ? '' : 'PERFORM pg_sleep(1);'} END LOOP; END';
      ALTER TABLE session_text RENAME TO session_text_kept;
      CREATE VIEW session_text AS SELECT * FROM session_text_kept WHERE never()`);
  });
  afterAll(() => server.close());

  it('writes are acknowledged and pages are read; the searches are ended, and told why, at both doors', { timeout: 60_000 }, async () => {
    const tenant = await server.tenant();
    const id = await tenant.session();

    let ended = 0;
    const count = <T>(answer: Promise<T>) => answer.finally(() => (ended += 1));
    const rest = count(tenant.rest('GET', '/sessions?search=one'));
    const graphql = count(tenant.graphql('{ viewer { keyName } sessions(filter: { search: "another" }) { edges { node { id } } } }'));
    do {
      await tenant.event(id);
      const page = await tenant.rest('GET', `/sessions/${id}/events?limit=1`);
      expect(page.status).toBe(200);
    } while (ended < 2);

    const message = expect.stringMatching(/^This read took longer than a read may: 500 ms .* Ask for less/) as string;
    const { status, headers, body } = await rest;
    expect({ status, body }).toEqual({ status: 503, body: { error: 'Service Unavailable', message } });
    expect(headers.get('retry-after')).toBe('5');
    expect(await graphql).toMatchObject({ status: 503, errors: [{ message, path: ['sessions'], extensions: { code: 'OVERLOADED', retryAfter: 5 } }] });

    await server.resources.controlPool.query('DROP VIEW session_text; ALTER TABLE session_text_kept RENAME TO session_text');
    expect((await tenant.rest('GET', '/sessions?search=one')).status).toBe(200);
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
