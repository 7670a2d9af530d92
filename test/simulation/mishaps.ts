import type { Config, Mishap } from './config.ts';
import { keyOf } from './log-model.ts';
import { NO_STATEMENT_FAULTS } from './postgres.ts';
import type { SimulatedPostgres } from './postgres.ts';
import type { Random } from './random.ts';
import type { SimulatedRedis } from './redis.ts';
import type { Server } from './server.ts';
import { Process } from './world.ts';
import type { World } from './world.ts';

/** What goes wrong around the servers, at times that the seed decides; in the end all of it is mended, and stays so. */
export class Mishaps {
  readonly #process = new Process('mishaps');
  readonly #undo = new Set<() => void>();
  readonly #in: { world: World; random: Random; postgres: SimulatedPostgres; redis: SimulatedRedis | undefined; servers: readonly Server[] };

  constructor(config: Config, surroundings: { world: World; random: Random; postgres: SimulatedPostgres; redis: SimulatedRedis | undefined; servers: readonly Server[] }) {
    this.#in = surroundings;
    const { world, random, postgres } = surroundings;
    postgres.faults = config.statements;
    for (const [mishap, times] of Object.entries(config.mishaps)) {
      for (let i = 0; i < times; i++) {
        const begins = random.next() * config.faultsUntil;
        const lasts = random.skewed(50, 15_000);
        world.after(begins, this.#process, () => this.#happens(mishap as Mishap, lasts));
      }
    }
    world.after(config.faultsUntil, this.#process, () => {
      world.tell('', () => '--- from here on nothing fails ---');
      postgres.faults = NO_STATEMENT_FAULTS;
      for (const undo of this.#undo) undo();
      this.#undo.clear();
      this.#process.alive = false;
    });
  }

  #happens(mishap: Mishap, lasts: number) {
    const { world, random, postgres, redis, servers } = this.#in;
    const server = random.pick(servers);
    switch (mishap) {
      case 'postgresKilled':
        postgres.kill();
        return this.#until(lasts, () => postgres.start());
      case 'postgresFrozen':
        return this.#freeze(postgres.process, lasts);
      case 'projectLocked':
        return this.#until(lasts, postgres.lock(this.#project()));
      case 'sessionLocked': {
        const project = this.#project();
        const sessions = [...postgres.log.projects.get(project)!.sessions.keys()];
        if (sessions.length > 0) this.#until(lasts, postgres.lock(keyOf(project, random.pick(sessions))));
        return;
      }
      case 'redisKilled':
        redis!.kill();
        return this.#until(lasts, () => redis!.start());
      case 'redisFrozen':
        return this.#freeze(redis!.process, lasts);
      case 'redisCut':
        return redis!.cut();
      case 'serverKilled':
        server.crash();
        return this.#until(lasts, () => server.start());
      case 'serverStopped':
        return server.stop(() => this.#until(lasts, () => server.start()));
      case 'serverFrozen':
        return this.#freeze(server.process, lasts);
      case 'clockStepped':
        server.process.skew += random.pick([-1, 1]) * random.between(500, 7_200_000);
        return world.tell(server.process, () => `has its clock ${server.process.skew} ms off`);
    }
  }

  #project(): string {
    return this.#in.random.pick([...this.#in.postgres.log.projects.keys()]);
  }

  #freeze(process: Process, lasts: number) {
    if (process.frozen || !process.alive) return;
    this.#in.world.freeze(process);
    this.#until(lasts, () => this.#in.world.thaw(process));
  }

  #until(delay: number, undo: () => void) {
    if (!this.#process.alive) return undo();
    const once = () => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    this.#in.world.after(delay, this.#process, once);
  }
}
