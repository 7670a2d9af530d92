// npm run torture -- --seed 1 --minutes 5 --backend postgres: real servers, real clients, and faults by a seed.
import { parseArgs } from 'node:util';
import { BREACHES } from './breaches.ts';
import { NOT_INJECTED } from './faults.ts';
import { torture } from './run.ts';
import type { Report } from './run.ts';
import type { Backend } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '1' },
    backend: { type: 'string' },
    servers: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const backends: Backend[] = values.backend === undefined ? ['embedded', 'postgres'] : values.backend === 'embedded' || values.backend === 'postgres' ? [values.backend] : [];
const minutes = Number(values.minutes);
if (backends.length === 0 || !(minutes > 0)) {
  process.stderr.write('npm run torture -- [--seed N] [--minutes M] [--backend embedded|postgres] [--servers N] [--only part of a fault,another]\n');
  process.exit(2);
}

/** Of the lines that servers logged at error or fatal, the newest. */
const SHOWN_ERRORS = 10;

const say = (line = '') => process.stdout.write(`${line}\n`);

function summarise({ breaches, faults, figures, errors }: Report): void {
  say();
  for (const [name, count] of [...faults].sort()) say(`${name.padEnd(44)} ${String(count).padStart(8)}`);
  const total = [...faults].reduce((sum, [name, count]) => sum + (name === NOT_INJECTED ? 0 : count), 0);
  say(`${'faults'.padEnd(44)} ${String(total).padStart(8)}`);
  say();
  for (const [name, figure] of Object.entries(figures)) say(`${name.padEnd(44)} ${String(figure).padStart(8)}`);
  say();
  for (const kind of BREACHES) say(`${kind.padEnd(44)} ${String(breaches.count(kind)).padStart(8)}`);
  for (const line of errors.slice(-SHOWN_ERRORS)) say(`logged: ${line}`);
  for (const evidence of breaches.evidence) say(`! ${evidence}`);
}

for (const backend of backends) {
  say(`seed ${values.seed}, ${backend}, ${minutes} min`);
  const report = await torture({
    seed: values.seed,
    backend,
    seconds: minutes * 60,
    servers: values.servers === undefined ? undefined : Number(values.servers),
    only: values.only.split(',').filter(Boolean),
    tell: say,
  });
  summarise(report);
  if (report.breaches.total > 0) process.exitCode = 1;
  say(`seed ${values.seed}, ${backend}: ${report.breaches.total === 0 ? 'no breach' : `${report.breaches.total} breaches`}`);
}
