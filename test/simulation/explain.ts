import { configOf } from './config.ts';
import type { Config } from './config.ts';
import { runSchedule } from './schedule.ts';
import type { Options } from './schedule.ts';

/** Long enough to find what matters, short enough to wait for. */
const MOST_TRIES = 300;

/** Tells the story of a seed that breaks a promise: as little of it as still breaks one. */
export async function explain(seed: number, mutations?: Options['mutations']): Promise<string> {
  const config = await shrink(configOf(seed), mutations);
  const { violation, account } = await runSchedule(config, { mutations, tells: true });
  return [`Seed ${seed}: ${violation}`, '', ...account, '', `What is left of its configuration: ${JSON.stringify(config)}`, `Again: SEED=${seed} npx vitest run --project simulation`].join('\n');
}

/** Takes away fault after fault, and makes everything smaller, as long as some promise is still broken. */
async function shrink(config: Config, mutations: Options['mutations']): Promise<Config> {
  let smallest = config;
  let tries = 0;
  for (let shrunk = true; shrunk; ) {
    shrunk = false;
    for (const smaller of smallerThan(smallest)) {
      if (++tries > MOST_TRIES) return smallest;
      if ((await runSchedule(smaller, { mutations })).violation === undefined) continue;
      smallest = smaller;
      shrunk = true;
      break;
    }
  }
  return smallest;
}

function* smallerThan(config: Config): Generator<Config> {
  for (const [mishap, times] of Object.entries(config.mishaps)) if (times > 0) yield { ...config, mishaps: { ...config.mishaps, [mishap]: 0 } };
  for (const [fault, rate] of Object.entries(config.statements)) if (rate > 0) yield { ...config, statements: { ...config.statements, [fault]: 0 } };
  const least = { poison: 0, weight: 0, sessionReaders: 0, eventReaders: 0, servers: 1, projects: 1, sessions: 1, batch: 1, writes: 0 } as const;
  for (const [name, value] of Object.entries(least)) {
    const was = config[name as keyof typeof least];
    if (was > value) yield { ...config, [name]: value };
    if (was > value + 1) yield { ...config, [name]: Math.floor((was + value) / 2) };
  }
}
