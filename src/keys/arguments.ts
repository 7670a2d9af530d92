import { parseArgs } from 'node:util';
import { PERMISSIONS } from '../auth/caller.ts';
import type { Permission } from '../auth/caller.ts';
import { DEFAULT_PROJECT } from '../project/service.ts';
import { parseTimeOrDay } from '../store/validate.ts';
import { Refusal } from './keys.ts';
import type { NewKey } from './keys.ts';

export const USAGE = `Usage:
  npm run keys -- create --name <name> --scopes <scope>[,<scope>…] [--expires <date>] [--project <id>]
  npm run keys -- list [--project <id>]
  npm run keys -- revoke <id> [--project <id>]

Scopes: ${PERMISSIONS.join(', ')}. A date is 2027-01-01, or 2027-01-01T12:00:00Z. Default project: ${DEFAULT_PROJECT}; create makes a missing one.
`;

export type Command = { project: string | undefined } & ({ what: 'create'; key: NewKey } | { what: 'list' } | { what: 'revoke'; id: string });

/** The arguments are not as USAGE says. */
export class UsageError extends Refusal {}

/** Throws UsageError. */
export function readCommand(args: string[]): Command | 'help' {
  const { values, positionals } = parsed(args);
  if (values.help) return 'help';
  const [what, id, ...rest] = positionals;
  const { project, name, scopes, expires } = values;
  if (project !== undefined && !/^[\w.-]{1,100}$/.test(project)) throw new UsageError('--project: expected up to 100 letters, digits, "_", "-" and ".".');
  if (what === undefined) throw new UsageError('What to do is missing: create, list or revoke.');
  if (what !== 'create' && what !== 'list' && what !== 'revoke') throw new UsageError(`"${what}" is none of create, list and revoke.`);
  if (what !== 'create' && (name ?? scopes ?? expires) !== undefined) throw new UsageError(`${what} takes no option but --project.`);
  const surplus = what === 'revoke' ? rest[0] : id;
  if (surplus !== undefined) throw new UsageError(`"${surplus}" is one argument too many.`);
  if (what === 'list') return { what, project };
  if (what === 'revoke') {
    if (!id) throw new UsageError('revoke needs the id of a key, as list shows it.');
    return { what, id, project };
  }
  if (!name) throw new UsageError('create needs --name: what the key is for.');
  if (name.length > 200) throw new UsageError('--name: expected at most 200 characters.');
  return { what, project, key: { name, scopes: readScopes(scopes), expiresAt: readExpiry(expires) } };
}

function parsed(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options: { name: text, scopes: text, expires: text, project: text, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readScopes(text = ''): Permission[] {
  const given = text.split(',').map((scope) => scope.trim()).filter(Boolean);
  const unknown = given.find((scope) => !PERMISSIONS.some((known) => known === scope));
  if (unknown !== undefined) throw new UsageError(`--scopes: "${unknown}" is none of ${PERMISSIONS.join(', ')}.`);
  if (given.length === 0) throw new UsageError('create needs --scopes: what the key may do.');
  return PERMISSIONS.filter((scope) => given.includes(scope));
}

function readExpiry(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = parseTimeOrDay(text);
  if (time === undefined) throw new UsageError(`--expires: "${text}" is not a date such as 2027-01-01.`);
  if (time.getTime() <= Date.now()) throw new UsageError(`--expires: ${text} is in the past.`);
  return time;
}
