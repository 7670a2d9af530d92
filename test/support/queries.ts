import type { Pool } from 'pg';

export type Statement = { text: string; values: unknown[] };

/** The statements that a pool was given while `work` ran, in order. Transactions hold a connection of their own and are not seen. */
export async function statementsOf(pool: Pool, work: () => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  const recording = (...args: unknown[]) => {
    const [first, values] = args;
    const config = typeof first === 'string' ? { text: first, values } : (first as { text: string; values?: unknown });
    statements.push({ text: config.text, values: Array.isArray(config.values) ? (config.values as unknown[]) : Array.isArray(values) ? (values as unknown[]) : [] });
    return query(...args);
  };
  Object.defineProperty(pool, 'query', { value: recording, configurable: true });
  try {
    await work();
  } finally {
    Reflect.deleteProperty(pool, 'query');
  }
  return statements;
}

/** Those that read or write what clients reported, rather than keys and projects. */
export const onTheLog = (statements: readonly Statement[]) => statements.filter(({ text }) => /\b(session|event)\b/.test(text));
