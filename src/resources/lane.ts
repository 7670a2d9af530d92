import { Pool } from 'pg';
import type { PoolClient } from 'pg';
import type { Precedence, Turns } from './turns.ts';

type Callback = Parameters<Pool['connect']>[0];

/** A pool whose clients are those of another, given in turn. */
export class Lane extends Pool {
  readonly #session: Pool;
  readonly #turns: Turns;
  readonly #precedence: Precedence;

  constructor(session: Pool, turns: Turns, precedence: Precedence) {
    super();
    this.#session = session;
    this.#turns = turns;
    this.#precedence = precedence;
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<PoolClient> | void {
    const client = this.#checkOut();
    if (!callback) return client;
    client.then(
      (got) => callback(undefined, got, (error?: Error | boolean) => got.release(error)),
      (error: Error) => callback(error, undefined, () => undefined),
    );
  }

  async #checkOut(): Promise<PoolClient> {
    const end = await this.#turns.take(this.#precedence);
    try {
      const client = await this.#session.connect();
      const release = client.release.bind(client);
      client.release = (error) => {
        try {
          release(error);
        } finally {
          end();
        }
      };
      return client;
    } catch (error) {
      end();
      throw error;
    }
  }
}
