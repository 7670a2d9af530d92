import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import type { Bus } from '../live/bus.ts';
import type { Hub } from '../live/hub.ts';
import type { Metrics } from '../metrics.ts';
import type { Writer } from '../store/writer.ts';

/** How long /readyz waits for the database, in milliseconds. */
const PATIENCE_MS = 2_000;

/** /healthz: the process is alive. /readyz: it can serve. /metrics: for Prometheus. None needs a key. */
export function healthRoutes(app: FastifyInstance, using: { pool: Pool; bus: Bus; writer: Writer; hub: Hub; metrics: Metrics; stopping: () => boolean }): void {
  const { pool, bus, writer, hub, metrics, stopping } = using;

  let query: Promise<unknown> | undefined;

  /** Everyone who asks at once shares one query: whoever has no key cannot fill the pool by asking. */
  async function databaseAnswers() {
    const late = Symbol('late');
    let timer: NodeJS.Timeout | undefined;
    try {
      query ??= pool.query('SELECT 1').finally(() => (query = undefined));
      query.catch(() => undefined); // may fail after we stopped waiting
      const answer = await Promise.race([query, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, late)))]);
      return answer !== late;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  app.get('/healthz', { schema: { hide: true } }, () => ({ status: 'alive' }));

  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const database = (await databaseAnswers()) ? 'up' : 'down';
    metrics.databaseUp.set(database === 'up' ? 1 : 0);
    // Without Redis this server still accepts, answers and (by asking the database) feeds its readers: it stays ready.
    const state = { status: stopping() ? 'stopping' : database === 'up' ? 'ready' : 'not ready', database, bus: bus.state() };
    return reply.code(state.status === 'ready' ? 200 : 503).send(state);
  });

  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    const waiting = writer.waiting();
    metrics.queueRows.set(waiting.rows);
    metrics.queueBytes.set(waiting.bytes);
    metrics.hubLag.set(hub.lag());
    metrics.busUp.set(bus.state() === 'up' ? 1 : 0);
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}
