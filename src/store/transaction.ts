import type { Pool, PoolClient } from 'pg';

/** Commits what `work` does, or, where it rejects, nothing of it. */
export async function transaction<Result>(pool: Pool, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    client.release(true); // the server rolls back what its connection leaves
    throw error;
  }
}
