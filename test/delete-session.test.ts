import { expect, it } from 'vitest';
import { startApp } from './support/app.ts';

it('a session goes with all of its events, however many, and nothing else goes', { timeout: 60_000 }, async () => {
  await using server = await startApp();
  const tenant = await server.tenant();
  const [large, kept] = [await tenant.session(), await tenant.session()];
  const event = await tenant.event(kept);
  await server.resources.controlPool.query(
    `INSERT INTO event (project_id, position, id, session_id, event_type, created_at, bytes, replaced)
     SELECT $1, 1000 + n, 'e' || n, $2, 'tool_call', now(), 100, false FROM generate_series(1, 12000) n`,
    [tenant.projectId, large],
  );
  const remove = () => tenant.graphql('mutation ($id: ID!) { deleteSession(input: { id: $id }) { id name } }', { id: large });
  expect(await remove()).toMatchObject({ data: { deleteSession: { id: large } } });
  const { rows } = await server.resources.pool.query('SELECT id, session_id FROM event WHERE project_id = $1', [tenant.projectId]);
  expect(rows).toEqual([{ id: event, session_id: kept }]);
  expect((await tenant.rest('GET', `/sessions/${large}`)).status).toBe(404);
  expect(await remove()).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
});
