// Appends to a spool until it is killed, and says after each append how many lines are safe.
import { FileSpool } from '../../src/file-spool.ts';

const spool = new FileSpool('destination', { folder: process.env['FOLDER'] ?? '' });
for (let n = 0; ; ) {
  const lines = Array.from({ length: 20 }, () => JSON.stringify({ kind: 'event', sessionId: 's', input: { n: n++, text: 'x'.repeat(2_000) } }));
  await spool.append(lines);
  process.stdout.write(`safe ${n}\n`);
}
