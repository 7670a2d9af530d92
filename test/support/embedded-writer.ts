import { writeSync } from 'node:fs';
import { openEmbeddedDatabase } from '../../src/resources/embedded-database.ts';

// The child of the embedded database's tests: `embedded-writer.ts <folder> <rows per insert>` inserts the ids 1, 2,
// 3 … for as long as it lives, and after each commit, before it goes on, prints the highest id that was
// acknowledged. With 0 rows it opens the database and waits.

const [folder = '', rows = '0'] = process.argv.slice(2);
const rowsPerInsert = Number(rows);

/** Not console.log: what it has buffered would die with us. A full pipe refuses the line, whole. */
function print(line: string): void {
  for (;;) {
    try {
      return void writeSync(1, `${line}\n`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

const { pool } = await openEmbeddedDatabase(folder);
print('ready');
if (rowsPerInsert > 0) {
  await pool.query('CREATE TABLE IF NOT EXISTS written (id int PRIMARY KEY, filler text)');
  const { rows: found } = await pool.query<{ last: number }>('SELECT coalesce(max(id), 0) AS last FROM written');
  for (let last = found[0]?.last ?? 0; ; last += rowsPerInsert) {
    const ids = Array.from({ length: rowsPerInsert }, (_, i) => last + 1 + i);
    await pool.query('INSERT INTO written SELECT id, repeat(md5(id::text), 20) FROM unnest($1::int[]) AS id', [ids]);
    print(String(last + rowsPerInsert));
  }
}
