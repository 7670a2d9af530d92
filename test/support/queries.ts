export type Statement = { text: string; values: unknown[] };

/** Somebody who is given statements: a pool, or `services.analytics`. */
type Asked = { query: (...args: never[]) => unknown };

/** The statements that they were given while `work` ran, in order. Transactions hold a connection of their own and are not seen. */
export async function statementsOf(asked: Asked | readonly Asked[], work: () => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  const restore = [asked].flat().map((each) => {
    const own = Object.getOwnPropertyDescriptor(each, 'query');
    const query = each.query.bind(each) as (...args: unknown[]) => unknown;
    const recording = (...args: unknown[]) => {
      const [first, values] = args;
      const config = typeof first === 'string' ? { text: first, values } : (first as { text: string; values?: unknown });
      statements.push({ text: config.text, values: Array.isArray(config.values) ? (config.values as unknown[]) : Array.isArray(values) ? (values as unknown[]) : [] });
      return query(...args);
    };
    Object.defineProperty(each, 'query', { value: recording, configurable: true });
    return () => (own ? Object.defineProperty(each, 'query', own) : Reflect.deleteProperty(each, 'query'));
  });
  try {
    await work();
  } finally {
    for (const back of restore) back();
  }
  return statements;
}

/** Those that read or write what clients reported, rather than keys and projects. */
export const onTheLog = (statements: readonly Statement[]) => statements.filter(({ text }) => /\b(session|event)\b/.test(text));
