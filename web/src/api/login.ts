import { disconnect } from './live.ts';
import { ApiError } from './request.ts';

// The key is exchanged for a cookie that scripts cannot read. It stays in memory, not in storage, until the page is
// loaded again, so that the first snippets can show one that works.

let key: string | undefined;

/** The key that this page was opened or logged in with, if it was since the page was loaded. */
export const knownKey = () => key;

const FRAGMENT = /^#key=(.+)$/;

/** Takes the key out of the address (`/#key=…`), also out of its history, before anything else runs. */
export function takeKeyFromAddress(): string | undefined {
  const found = FRAGMENT.exec(location.hash)?.[1];
  if (found === undefined) return undefined;
  history.replaceState(history.state, '', location.pathname + location.search);
  try {
    return decodeURIComponent(found);
  } catch {
    return found;
  }
}

/** Throws ApiError: UNAUTHENTICATED where the key is not good. */
export async function login(apiKey: string): Promise<void> {
  const response = await fetch('/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ apiKey }) }).catch(() => {
    throw new ApiError('NETWORK', 'The server does not answer');
  });
  if (!response.ok) {
    const { message } = (await response.json().catch(() => ({}))) as { message?: string };
    throw new ApiError(response.status === 401 ? 'UNAUTHENTICATED' : 'BAD_USER_INPUT', message ?? `The server answered with ${response.status}`);
  }
  key = apiKey;
}

export async function logout(): Promise<void> {
  key = undefined;
  disconnect();
  await fetch('/logout', { method: 'POST' });
}
