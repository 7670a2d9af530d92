import { DatabaseError } from 'pg';
import type { Pool, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { tooManyReads } from '../errors.ts';
import { ownTurn } from '../own-turn.ts';

/** Searches and statistics: reads whose time grows with what there is. */
export type Analytics = {
  /** As a pool's. Throws OVERLOADED where too many wait, or one has waited too long. */
  query<Row extends QueryResultRow>(question: string | QueryConfig, values?: readonly unknown[]): Promise<QueryResult<Row>>;
};

/** How many questions wait for their turn; one GraphQL operation asks at most 40. */
const MOST_WAITING = 100;
/** What a pool says when its connections were busy for all of `connectionTimeoutMillis`. */
const BUSY = 'timeout exceeded when trying to connect';

/**
 * Asks on `pool`, and the same question once for all who ask it while it waits. Who asks after it has begun waits for
 * another answer: the one on its way may not see what he has just written.
 */
export function createAnalytics(pool: Pool): Analytics {
  const waiting = new Map<string, Promise<QueryResult>>();

  async function ask(key: string, question: QueryConfig): Promise<QueryResult> {
    let client;
    try {
      client = await pool.connect();
    } catch (error) {
      throw error instanceof Error && error.message === BUSY ? tooManyReads() : error;
    } finally {
      waiting.delete(key);
    }
    let broken = true;
    try {
      const answer = await client.query(question);
      broken = false;
      return answer;
    } catch (error) {
      broken = !(error instanceof DatabaseError);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  return {
    async query<Row extends QueryResultRow>(question: string | QueryConfig, values?: readonly unknown[]) {
      const asked: QueryConfig = typeof question === 'string' ? { text: question, values: [...(values ?? [])] } : question;
      const key = JSON.stringify([asked.text, asked.values]);
      let answer = waiting.get(key);
      if (!answer) {
        if (waiting.size >= MOST_WAITING) throw tooManyReads();
        answer = ask(key, asked);
        waiting.set(key, answer);
      }
      try {
        return (await answer) as QueryResult<Row>;
      } finally {
        await ownTurn();
      }
    },
  };
}
