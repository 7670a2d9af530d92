import { forbidden, unauthenticated } from '../errors.ts';
import type { Caller, KeyCaller, Scope } from './caller.ts';

/** Throws UNAUTHENTICATED without a key, FORBIDDEN where the key lacks the scope. The first line of every service function. */
export function assertMay(caller: Caller, scope?: Scope): KeyCaller {
  if (caller.kind === 'anonymous') throw unauthenticated();
  if (scope && !caller.scopes.has(scope) && !caller.scopes.has('admin')) throw forbidden(scope);
  return caller;
}
