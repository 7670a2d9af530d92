import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp } from './support/app.ts';
import type { TestApp } from './support/app.ts';
import { onTheLog, statementsOf } from './support/queries.ts';
import type { Tenant } from './support/tenant.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startApp();
});
afterAll(() => server.close());

const THREE_DAYS = { from: '2025-03-01T00:00:00.000Z', to: '2025-03-04T00:00:00.000Z' };

type Edges<Node> = { edges: { cursor: string; node: Node }[]; pageInfo: Record<string, unknown> };
const nodes = <Node>(connection: Edges<Node>) => connection.edges.map(({ node }) => node);

/** A session that began at a moment of the past; its last change was then, too. */
async function sessionAt(tenant: Tenant, at: string, input: Record<string, unknown> = {}): Promise<string> {
  const { createSession } = await tenant.run<{ createSession: { id: string } }>('mutation ($input: CreateSessionInput!) { createSession(input: $input) { id } }', {
    input: { name: 'a run', agentName: 'alpha', userId: 'ann', ...input },
  });
  await server.app.services.pool.query('UPDATE session SET created_at = $3, updated_at = $3 WHERE project_id = $1 AND id = $2', [tenant.projectId, createSession.id, at]);
  return createSession.id;
}

async function eventAt(tenant: Tenant, sessionId: string, at: string, fields: Record<string, unknown>): Promise<void> {
  const id = await tenant.event(sessionId, fields);
  const { pool } = server.app.services;
  await pool.query('UPDATE event SET created_at = $3 WHERE project_id = $1 AND id = $2', [tenant.projectId, id, at]);
  await pool.query('UPDATE session SET updated_at = $3 WHERE project_id = $1 AND id = $2', [tenant.projectId, sessionId, at]);
}

/** Four sessions of March 1 to 3, and one on the first moment of March 4. */
async function history(tenant: Tenant): Promise<void> {
  await sessionAt(tenant, THREE_DAYS.from, { convoId: 'talk', status: 'COMPLETED', durationMs: 100, estimatedCost: 0.1, promptTokens: 10, completionTokens: 5 });
  const failed = await sessionAt(tenant, '2025-03-01T11:30:00Z', { convoId: 'talk', status: 'FAILED', durationMs: 300 });
  await eventAt(tenant, failed, '2025-03-01T11:31:00Z', { eventType: 'llm_call', model: 'large', promptTokens: 100, completionTokens: 20, estimatedCost: 0.2, durationMs: 40, toolName: undefined });
  await eventAt(tenant, failed, '2025-03-01T11:32:00Z', { toolName: 'search', toolError: { message: 'no' }, durationMs: 10 });
  const given = await sessionAt(tenant, '2025-03-03T00:00:00Z', { agentName: 'beta', status: 'CANCELLED', durationMs: 200, totalTokens: 1000, estimatedCost: 0 });
  await eventAt(tenant, given, '2025-03-03T00:01:00Z', { toolName: 'search', durationMs: 30, totalTokens: 4, estimatedCost: 5 });
  await sessionAt(tenant, '2025-03-03T23:59:59.999Z', { agentName: 'beta', userId: 'bob', totalTokens: 7, durationMs: 9_999 });
  await sessionAt(tenant, THREE_DAYS.to, { agentName: 'gamma', userId: 'cid', estimatedCost: 99 });
}

const RUNS = 'runs active completed failures cancelled successRate errors cost promptTokens completionTokens totalTokens durationMs { p50 p95 p99 }';
const NONE = { runs: 0, active: 0, completed: 0, failures: 0, cancelled: 0, successRate: null, errors: 0, cost: 0, promptTokens: 0, completionTokens: 0, totalTokens: 0, durationMs: null };
const ALL_FOUR = {
  runs: 4,
  active: 1,
  completed: 1,
  failures: 1,
  cancelled: 1,
  successRate: 1 / 3,
  errors: 1,
  cost: 0.3, // summed as numeric: 0.1 + 0.2 in floats is 0.30000000000000004
  promptTokens: 110,
  completionTokens: 25,
  totalTokens: 15 + 120 + 1000 + 7,
  durationMs: { p50: 200, p95: expect.closeTo(290) as number, p99: expect.closeTo(298) as number },
};

const METRICS = `query ($range: TimeRangeInput!, $interval: MetricsInterval! = DAY, $groupBy: MetricsGroupBy, $filter: SessionFilter, $first: Int! = 10) {
  metrics(range: $range, interval: $interval, groupBy: $groupBy, filter: $filter, first: $first) {
    from to totals { ${RUNS} } buckets { start ${RUNS} } groups { key ${RUNS} buckets { start runs cost } }
  }
}`;
type Figures = Record<string, unknown>;
type Metrics = { metrics: { from: string; to: string; totals: Figures; buckets: Figures[]; groups: (Figures & { key: string; buckets: Figures[] })[] } };

it('adds up the sessions begun in a range, what they reported before what their events add up to', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const { metrics } = await tenant.run<Metrics>(METRICS, { range: THREE_DAYS });
  expect(metrics).toMatchObject({ ...THREE_DAYS, totals: ALL_FOUR, groups: [] });
});

it('gives every day of a range a bucket, the empty ones too', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const { metrics } = await tenant.run<Metrics>(METRICS, { range: THREE_DAYS });
  expect(metrics.buckets).toEqual([
    {
      ...{ ...NONE, start: '2025-03-01T00:00:00.000Z', runs: 2, completed: 1, failures: 1, successRate: 0.5, errors: 1 },
      ...{ cost: 0.3, promptTokens: 110, completionTokens: 25, totalTokens: 135, durationMs: { p50: 200, p95: expect.closeTo(290) as number, p99: expect.closeTo(298) as number } },
    },
    { ...NONE, start: '2025-03-02T00:00:00.000Z' },
    { ...NONE, start: '2025-03-03T00:00:00.000Z', runs: 2, active: 1, cancelled: 1, successRate: 0, totalTokens: 1007, durationMs: { p50: 200, p95: 200, p99: 200 } },
  ]);
});

it('aligns buckets to full hours in UTC, whatever offset a range is written in', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const { metrics } = await tenant.run<Metrics>(METRICS, { range: { from: '2025-03-01T12:45:00+02:00', to: '2025-03-01T12:10:00Z' }, interval: 'HOUR' });
  expect(metrics.buckets.map(({ start, runs }) => [start, runs])).toEqual([
    ['2025-03-01T10:00:00.000Z', 0],
    ['2025-03-01T11:00:00.000Z', 1],
    ['2025-03-01T12:00:00.000Z', 0],
  ]);
});

it('groups sessions by agent, user or status, the largest group first', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const groups = async (groupBy: string, first?: number) => (await tenant.run<Metrics>(METRICS, { range: THREE_DAYS, groupBy, first })).metrics.groups;
  expect(await groups('AGENT')).toMatchObject([
    { key: 'alpha', runs: 2, cost: 0.3, totalTokens: 135, buckets: [{ runs: 2, cost: 0.3 }, { runs: 0 }, { runs: 0 }] },
    { key: 'beta', runs: 2, cost: 0, totalTokens: 1007, buckets: [{ runs: 0 }, { runs: 0 }, { runs: 2 }] },
  ]);
  expect((await groups('USER')).map(({ key, runs }) => [key, runs])).toEqual([['ann', 3], ['bob', 1]]);
  expect((await groups('USER', 1)).map(({ key }) => key)).toEqual(['ann']);
  expect((await groups('STATUS')).map(({ key, runs }) => [key, runs])).toEqual([['ACTIVE', 1], ['CANCELLED', 1], ['COMPLETED', 1], ['FAILED', 1]]);
});

it('counts only the sessions that a filter wants', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const runs = async (filter: Record<string, unknown>) => (await tenant.run<Metrics>(METRICS, { range: THREE_DAYS, filter })).metrics.totals['runs'];
  expect(await runs({ agentName: 'beta' })).toBe(2);
  expect(await runs({ userId: 'ann', statuses: ['FAILED', 'CANCELLED'] })).toBe(2);
  expect(await runs({ convoId: 'talk', hasErrors: false })).toBe(1);
  expect(await runs({ hasErrors: true })).toBe(1);
  expect(await runs({ createdAfter: THREE_DAYS.from, createdBefore: '2025-03-03T00:00:00Z' })).toBe(1);
  expect(await runs({ parentSessionId: 'nobody' })).toBe(0);
});

it('refuses a range, a number of buckets or a number of groups that is out of bounds, and says what to do', async () => {
  const tenant = await server.tenant();
  const refused = async (variables: Record<string, unknown>) => {
    const { errors } = await tenant.graphql(METRICS, { range: THREE_DAYS, ...variables });
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
    return errors![0]!.message;
  };
  expect(await refused({ range: { from: THREE_DAYS.to, to: THREE_DAYS.from } })).toContain('"from" must be earlier than "to"');
  expect(await refused({ range: { from: THREE_DAYS.to, to: THREE_DAYS.to } })).toContain('"from" must be earlier than "to"');
  expect(await refused({ range: { from: '2024-01-01T00:00:00Z', to: '2025-01-02T00:00:00Z' } })).toContain('at most 366 days');
  expect(await refused({ interval: 'MINUTE' })).toBe('This range has 4320 buckets of one minute; at most 1000 are given. Ask for a shorter range or a longer interval');
  expect(await refused({ groupBy: 'USER', first: 201 })).toContain('at most 200');
  expect(await refused({ groupBy: 'USER', first: 0 })).toContain('at least 1');
  expect(await refused({ groupBy: 'USER', first: 200, range: { from: '2024-01-01T00:00:00Z', to: '2025-01-01T00:00:00Z' } })).toContain('fewer groups');
  expect((await tenant.graphql('{ agents(first: 201) { edges { cursor } } }')).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
});

it.each(['', 'not a cursor', 'AA', '_w', 'YQ=='])('refuses the cursor %j of a list of names, which it never gave', async (cursor) => {
  const tenant = await server.tenant();
  for (const list of ['agents(after: $cursor)', 'users(before: $cursor)']) {
    const { errors } = await tenant.graphql(`query ($cursor: String) { ${list} { edges { cursor } } }`, { cursor });
    expect(errors?.map(({ extensions }) => extensions.code), list).toEqual(['BAD_USER_INPUT']);
  }
});

it('finds a name as it was stored, with what cannot be stored replaced', async () => {
  const tenant = await server.tenant();
  await tenant.session({ agentName: 'a\0b' });
  const range = { from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date(Date.now() + 60_000).toISOString() };
  const { metrics } = await tenant.run<Metrics>('query ($range: TimeRangeInput!) { metrics(range: $range, interval: HOUR, filter: { agentName: "a\\u0000b" }) { totals { runs } } }', { range });
  expect(metrics.totals.runs).toBe(1);
});

it('gives totals over minutes of a whole year when no buckets are selected', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const { metrics } = await tenant.run<Metrics>('query ($range: TimeRangeInput!) { metrics(range: $range, interval: MINUTE) { totals { runs } } }', {
    range: { from: '2024-12-01T00:00:00Z', to: '2025-12-01T00:00:00Z' },
  });
  expect(metrics.totals['runs']).toBe(5);
});

const NAMED = `lastSeenAt trend { day runs } ${RUNS}`;
type Named = Figures & { trend: { day: string; runs: number }[] };

it('lists agents and users by name with their figures and their runs per day', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const { agents, users } = await tenant.run<{ agents: Edges<Named>; users: Edges<Named> }>(
    `query ($range: TimeRangeInput!) { agents(range: $range) { edges { node { agentName ${NAMED} } } } users(range: $range) { edges { node { userId ${NAMED} } } } }`,
    { range: THREE_DAYS },
  );
  const days = (...runs: number[]) => runs.map((count, index) => ({ day: `2025-03-0${index + 1}T00:00:00.000Z`, runs: count }));
  expect(nodes(agents)).toEqual([
    {
      ...{ ...NONE, agentName: 'alpha', runs: 2, completed: 1, failures: 1, successRate: 0.5, errors: 1, cost: 0.3, promptTokens: 110, completionTokens: 25, totalTokens: 135 },
      ...{ durationMs: { p50: 200, p95: expect.closeTo(290) as number, p99: expect.closeTo(298) as number }, lastSeenAt: '2025-03-01T11:32:00.000Z', trend: days(2, 0, 0) },
    },
    {
      ...{ ...NONE, agentName: 'beta', runs: 2, active: 1, cancelled: 1, successRate: 0, totalTokens: 1007, durationMs: { p50: 200, p95: 200, p99: 200 } },
      ...{ lastSeenAt: '2025-03-03T23:59:59.999Z', trend: days(0, 0, 2) },
    },
  ]);
  expect(nodes(users)).toMatchObject([
    { userId: 'ann', runs: 3, trend: days(2, 0, 1) },
    { userId: 'bob', runs: 1, successRate: null, durationMs: null, trend: days(0, 0, 1) },
  ]);
});

it('looks at the last 30 days where no range is given, and draws at most 31 days of a longer one', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  await tenant.session({ agentName: 'today' });
  const { agents } = await tenant.run<{ agents: Edges<Named> }>('{ agents { edges { node { agentName runs trend { day runs } } } } }');
  expect(nodes(agents)).toMatchObject([{ agentName: 'today', runs: 1 }]);
  expect(nodes(agents)[0]!.trend.reduce((sum, { runs }) => sum + runs, 0)).toBe(1);

  const { users } = await tenant.run<{ users: Edges<Named> }>('query ($range: TimeRangeInput!) { users(range: $range, first: 1) { edges { node { userId runs trend { day runs } } } } }', {
    range: { from: '2025-01-01T00:00:00Z', to: '2025-04-01T00:00:00Z' },
  });
  const [ann] = nodes(users);
  expect(ann).toMatchObject({ userId: 'ann', runs: 3 });
  expect(ann!.trend).toHaveLength(31);
  expect(ann!.trend[0]).toEqual({ day: '2025-03-01T00:00:00.000Z', runs: 2 });
  expect(ann!.trend.at(-1)).toEqual({ day: '2025-03-31T00:00:00.000Z', runs: 0 });
});

it('pages through names forwards and backwards without missing or repeating one', async () => {
  const tenant = await server.tenant();
  const names = ['Ünal', 'a', 'b "quoted"', 'ab', 'z'];
  for (const userId of names) await tenant.session({ userId });
  type Page = { users: Edges<{ userId: string }> };
  const page = (args: Record<string, unknown>) =>
    tenant.run<Page>(
      `query ($first: Int, $after: String, $last: Int, $before: String) { users(first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { userId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
      args,
    );
  const all = nodes((await page({})).users).map(({ userId }) => userId);
  expect([...all].sort()).toEqual([...names].sort());

  const forwards: string[] = [];
  for (let after: unknown, more = true; more; ) {
    const { users } = await page({ first: 2, after });
    forwards.push(...nodes(users).map(({ userId }) => userId));
    more = users.pageInfo['hasNextPage'] as boolean;
    after = users.pageInfo['endCursor'];
  }
  expect(forwards).toEqual(all);

  const backwards: string[] = [];
  for (let before: unknown, more = true; more; ) {
    const { users } = await page({ last: 2, before });
    backwards.unshift(...nodes(users).map(({ userId }) => userId));
    more = users.pageInfo['hasPreviousPage'] as boolean;
    before = users.pageInfo['startCursor'];
  }
  expect(backwards).toEqual(all);
});

const CONVERSATION = 'convoId sessionCount statusCounts { active completed failed cancelled } agentNames userIds firstAt lastAt errors cost promptTokens completionTokens totalTokens';
const CONVERSATIONS = `query ($first: Int, $after: String, $last: Int, $before: String, $userId: String, $agentName: String, $range: TimeRangeInput) {
  conversations(first: $first, after: $after, last: $last, before: $before, userId: $userId, agentName: $agentName, range: $range) {
    edges { node { convoId sessionCount } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
type Conversations = { conversations: Edges<{ convoId: string; sessionCount: number }> };

it('shows one conversation with the figures of all its sessions, and these oldest first', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  await sessionAt(tenant, '2025-02-28T10:00:00Z', { convoId: 'talk', agentName: 'beta', userId: 'bob' });
  const { conversation } = await tenant.run<{ conversation: Figures & { sessions: Edges<{ createdAt: string }> } }>(
    `{ conversation(convoId: "talk") { ${CONVERSATION} sessions(first: 2) { edges { node { createdAt agentName } } pageInfo { hasNextPage } } } }`,
  );
  expect(conversation).toEqual({
    ...{ convoId: 'talk', sessionCount: 3, statusCounts: { active: 1, completed: 1, failed: 1, cancelled: 0 }, agentNames: ['alpha', 'beta'], userIds: ['ann', 'bob'] },
    ...{ firstAt: '2025-02-28T10:00:00.000Z', lastAt: '2025-03-01T11:32:00.000Z', errors: 1, cost: 0.3, promptTokens: 110, completionTokens: 25, totalTokens: 135 },
    sessions: {
      edges: [{ node: { createdAt: '2025-02-28T10:00:00.000Z', agentName: 'beta' } }, { node: { createdAt: '2025-03-01T00:00:00.000Z', agentName: 'alpha' } }],
      pageInfo: { hasNextPage: true },
    },
  });
});

it('says NOT_FOUND for a conversation that this project does not have', async () => {
  const [tenant, other] = [await server.tenant(), await server.tenant()];
  await other.session({ convoId: 'theirs' });
  for (const convoId of ['theirs', '', 'a\0b']) {
    const answer = await tenant.graphql('query ($convoId: ID!) { conversation(convoId: $convoId) { convoId } }', { convoId });
    expect(answer.data).toEqual({ conversation: null });
    expect(answer.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
  }
});

it('lists conversations by newest activity: one that goes on moves to the front', async () => {
  const tenant = await server.tenant();
  const first = await tenant.session({ convoId: 'one' });
  await tenant.session({ convoId: 'two' });
  await tenant.session();
  await tenant.session({ convoId: 'three' });
  await tenant.session({ convoId: 'one' });
  const list = async () => nodes((await tenant.run<Conversations>(CONVERSATIONS)).conversations).map(({ convoId, sessionCount }) => [convoId, sessionCount]);
  expect(await list()).toEqual([['one', 2], ['three', 1], ['two', 1]]);
  await tenant.session({ convoId: 'two' });
  expect(await list()).toEqual([['two', 2], ['one', 2], ['three', 1]]);
  await tenant.event(first);
  expect(await list()).toEqual([['one', 2], ['two', 2], ['three', 1]]);
});

it('pages through conversations forwards and backwards', async () => {
  const [tenant, other] = [await server.tenant(), await server.tenant()];
  for (let index = 0; index < 10; index += 1) await tenant.session({ convoId: `talk ${index % 5}` });
  for (let index = 0; index < 15; index += 1) await other.session({ convoId: `talk ${index % 5}` });
  const ids = ({ conversations }: Conversations) => nodes(conversations).map(({ convoId }) => convoId);
  const one = await tenant.run<Conversations>(CONVERSATIONS, { first: 2 });
  const two = await tenant.run<Conversations>(CONVERSATIONS, { first: 2, after: one.conversations.pageInfo['endCursor'] });
  const three = await tenant.run<Conversations>(CONVERSATIONS, { first: 2, after: two.conversations.pageInfo['endCursor'] });
  expect([ids(one), ids(two), ids(three)]).toEqual([['talk 4', 'talk 3'], ['talk 2', 'talk 1'], ['talk 0']]);
  expect(three.conversations.pageInfo).toMatchObject({ hasNextPage: false });
  const back = await tenant.run<Conversations>(CONVERSATIONS, { last: 2, before: three.conversations.pageInfo['startCursor'] });
  expect(ids(back)).toEqual(['talk 2', 'talk 1']);
  expect(back.conversations.pageInfo).toMatchObject({ hasPreviousPage: true });
});

it('chooses conversations by user, agent and time, and still shows them whole', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  await sessionAt(tenant, '2025-05-01T00:00:00Z', { convoId: 'talk', userId: 'bob' });
  await sessionAt(tenant, '2025-05-02T00:00:00Z', { convoId: 'other', agentName: 'beta', userId: 'bob' });
  const list = async (filter: Record<string, unknown>) => nodes((await tenant.run<Conversations>(CONVERSATIONS, filter)).conversations).map(({ convoId, sessionCount }) => [convoId, sessionCount]);
  expect(await list({ userId: 'ann' })).toEqual([['talk', 3]]);
  expect(await list({ userId: 'bob' })).toEqual([['other', 1], ['talk', 3]]);
  expect(await list({ agentName: 'beta', userId: 'bob' })).toEqual([['other', 1]]);
  expect(await list({ range: THREE_DAYS })).toEqual([['talk', 3]]);
  expect(await list({ userId: 'bob', range: THREE_DAYS })).toEqual([]);
});

const CALLS = 'calls errors errorRate cost promptTokens completionTokens totalTokens lastUsedAt durationMs { p50 p95 p99 }';

it('adds up tool calls by tool, most called first', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const session = await sessionAt(tenant, '2025-03-02T00:00:00Z');
  await eventAt(tenant, session, '2025-03-02T00:00:00Z', { toolName: 'fetch', status: 'error', estimatedCost: 0.1 });
  await eventAt(tenant, session, THREE_DAYS.to, { toolName: 'fetch' });
  const ask = async (first: number) =>
    (await tenant.run<{ toolStats: Figures[] }>(`query ($range: TimeRangeInput!, $first: Int!) { toolStats(range: $range, first: $first) { toolName ${CALLS} } }`, { range: THREE_DAYS, first })).toolStats;
  const search = {
    ...{ toolName: 'search', calls: 2, errors: 1, errorRate: 0.5, cost: 5, promptTokens: 0, completionTokens: 0, totalTokens: 4 },
    ...{ lastUsedAt: '2025-03-03T00:01:00.000Z', durationMs: { p50: 20, p95: 29, p99: expect.closeTo(29.8) as number } },
  };
  const fetched = {
    ...{ toolName: 'fetch', calls: 1, errors: 1, errorRate: 1, cost: 0.1, promptTokens: 0, completionTokens: 0, totalTokens: 0 },
    ...{ lastUsedAt: '2025-03-02T00:00:00.000Z', durationMs: null },
  };
  expect(await ask(10)).toEqual([search, fetched]);
  expect(await ask(1)).toEqual([search]);
});

it('adds up LLM calls by model and over time, also those that came as tool calls', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  const session = await sessionAt(tenant, '2025-03-03T00:00:00Z');
  await eventAt(tenant, session, '2025-03-03T00:00:00Z', { toolName: 'llm:acme:small', toolOutput: { content: 'hi', tokens: { prompt: 3, completion: 4, total: 8 } }, estimatedCost: 0.1 });
  await eventAt(tenant, session, '2025-03-03T01:00:00Z', { toolName: 'llm:acme:small', toolError: { message: 'overloaded' }, estimatedCost: 0.2 });
  const { modelStats, toolStats } = await tenant.run<{ modelStats: Figures[]; toolStats: Figures[] }>(
    `query ($range: TimeRangeInput!) { modelStats(range: $range) { model ${CALLS} buckets { start calls errors cost totalTokens } } toolStats(range: $range) { toolName } }`,
    { range: THREE_DAYS },
  );
  const bucket = (day: number, figures: Figures = {}) => ({ start: `2025-03-0${day}T00:00:00.000Z`, calls: 0, errors: 0, cost: 0, totalTokens: 0, ...figures });
  expect(modelStats).toEqual([
    {
      ...{ model: 'small', calls: 2, errors: 1, errorRate: 0.5, cost: 0.3, promptTokens: 3, completionTokens: 4, totalTokens: 8, lastUsedAt: '2025-03-03T01:00:00.000Z', durationMs: null },
      buckets: [bucket(1), bucket(2), bucket(3, { calls: 2, errors: 1, cost: 0.3, totalTokens: 8 })],
    },
    {
      ...{ model: 'large', calls: 1, errors: 0, errorRate: 0, cost: 0.2, promptTokens: 100, completionTokens: 20, totalTokens: 120 },
      ...{ lastUsedAt: '2025-03-01T11:31:00.000Z', durationMs: { p50: 40, p95: 40, p99: 40 } },
      buckets: [bucket(1, { calls: 1, cost: 0.2, totalTokens: 120 }), bucket(2), bucket(3)],
    },
  ]);
  expect(toolStats).toEqual([{ toolName: 'search' }]);
});

const DASHBOARD = `query ($range: TimeRangeInput!) {
  metrics(range: $range, groupBy: AGENT) { totals { runs } buckets { runs } groups { key } }
  agents(range: $range) { edges { node { agentName runs trend { runs } } } }
  users(range: $range) { edges { node { userId runs trend { runs } } } }
  conversations(userId: "ann", range: $range) { edges { node { convoId cost statusCounts { failed } } } }
  everyConversation: conversations(first: 20) { edges { node { convoId } } }
  conversation(convoId: "talk") { sessionCount }
  toolStats(range: $range) { toolName calls }
  modelStats(range: $range) { model calls buckets { calls } }
}`;

it('never counts what another project has', async () => {
  const [tenant, other] = [await server.tenant(), await server.tenant()];
  await history(other);
  const answer = await tenant.graphql(DASHBOARD, { range: THREE_DAYS });
  expect(answer.errors?.map(({ path }) => path)).toEqual([['conversation']]);
  expect(answer.data).toMatchObject({
    ...{ metrics: { totals: { runs: 0 }, groups: [] }, agents: { edges: [] }, users: { edges: [] } },
    ...{ conversations: { edges: [] }, everyConversation: { edges: [] }, toolStats: [], modelStats: [] },
  });
  await history(tenant);
  const [mine, theirs] = [await tenant.run(DASHBOARD, { range: THREE_DAYS }), await other.run(DASHBOARD, { range: THREE_DAYS })];
  expect(mine['metrics']).toMatchObject({ totals: { runs: 4 } });
  expect(mine).toMatchObject({ conversation: { sessionCount: 2 }, toolStats: [{ toolName: 'search', calls: 2 }] });
  expect({ ...mine, everyConversation: null }).toEqual({ ...theirs, everyConversation: null });
});

it('wants the scope read', async () => {
  const writer = await server.tenant({ scopes: ['sessions:write', 'events:write'] });
  for (const field of ['agents { edges { cursor } }', 'users { edges { cursor } }', 'conversations { edges { cursor } }', 'conversation(convoId: "c") { convoId }', 'toolStats { calls }', 'modelStats { calls }', `metrics(range: { from: "${THREE_DAYS.from}", to: "${THREE_DAYS.to}" }) { totals { runs } }`]) {
    expect((await writer.graphql(`{ ${field} }`)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  }
});

it('asks the database once for each figure, however many agents, days and conversations there are', async () => {
  const tenant = await server.tenant();
  await history(tenant);
  await tenant.run(DASHBOARD, { range: THREE_DAYS });
  for (let index = 0; index < 10; index += 1) await sessionAt(tenant, '2025-03-02T00:00:00Z', { agentName: `agent ${index}`, convoId: `talk ${index}` });
  const statements = onTheLog(await statementsOf(server.app.services.analytics, () => tenant.run(DASHBOARD, { range: THREE_DAYS })));
  expect(statements).toHaveLength(8);
});

it('reads along indexes, not through whole tables', async () => {
  const { controlPool: pool } = server.resources;
  const tenant = await server.tenant();
  await history(tenant);
  // Twenty projects of a thousand sessions and events over 200 days; the tenant's own among them.
  await pool.query(
    `INSERT INTO session (project_id, id, position, name, agent_name, user_id, convo_id, status, created_at, updated_at)
     SELECT CASE n % 20 WHEN 0 THEN $1 ELSE 'crowd ' || n % 20 END, 'crowd ' || n, 1000 + n, 'run', 'agent ' || n % 7, 'user ' || n % 400, 'talk ' || n / 60, 'completed', at, at
     FROM generate_series(1, 20000) n, LATERAL (SELECT timestamptz '2025-01-01' + n * interval '864 seconds' AS at) t`,
    [tenant.projectId],
  );
  await pool.query(
    `INSERT INTO event (project_id, position, id, session_id, event_type, tool_name, model, created_at, bytes)
     SELECT CASE n % 20 WHEN 0 THEN $1 ELSE 'crowd ' || n % 20 END, 1000 + n, 'crowd ' || n, 'crowd ' || n, CASE n % 3 WHEN 0 THEN 'llm_call' ELSE 'tool_call' END, 'tool ' || n % 5, 'model ' || n % 3, at, 100
     FROM generate_series(1, 20000) n, LATERAL (SELECT timestamptz '2025-01-01' + n * interval '864 seconds' AS at) t`,
    [tenant.projectId],
  );
  await pool.query('ANALYZE session');
  await pool.query('ANALYZE event');
  const statements = onTheLog(await statementsOf(server.app.services.analytics, () => tenant.run(DASHBOARD, { range: THREE_DAYS })));
  expect(statements).toHaveLength(8);
  for (const { text, values } of statements) {
    const { rows } = await pool.query<{ 'QUERY PLAN': unknown }>(`EXPLAIN (FORMAT JSON) ${text}`, values);
    const plan = JSON.stringify(rows[0]!['QUERY PLAN']);
    expect(plan, text).not.toContain('"Seq Scan"');
    expect(plan, text).toMatch(/"Index Name":"(session|event)_/);
  }
});
