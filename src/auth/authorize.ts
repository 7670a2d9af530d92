import { forbidden, unauthenticated } from '../errors.ts';
import type { Caller, KeyCaller, Permission } from './caller.ts';

const may = ({ scopes }: KeyCaller, permission: Permission) => scopes.has(permission) || scopes.has('admin');

/** Whether what is stored may be shown: who writes it need not be allowed to. */
export const mayRead = (caller: Caller): boolean => caller.kind === 'key' && may(caller, 'read');

/** Throws UNAUTHENTICATED without a key, FORBIDDEN where the key lacks the permission. The first line of every service function. */
export function assertMay(caller: Caller, permission?: Permission): KeyCaller {
  if (caller.kind === 'anonymous') throw unauthenticated();
  if (permission && !may(caller, permission)) throw forbidden(permission);
  return caller;
}
