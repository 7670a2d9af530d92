import { forbidden, unauthenticated } from '../errors.ts';
import type { Caller, KeyCaller, Permission } from './caller.ts';

/** Throws UNAUTHENTICATED without a key, FORBIDDEN where the key lacks the permission. The first line of every service function. */
export function assertMay(caller: Caller, permission?: Permission): KeyCaller {
  if (caller.kind === 'anonymous') throw unauthenticated();
  if (permission && !caller.scopes.has(permission) && !caller.scopes.has('admin')) throw forbidden(permission);
  return caller;
}
