import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { disconnect } from './api/live.ts';
import { ApiError, onLoggedOut } from './api/request.ts';
import { router } from './routes.tsx';
import { Login } from './shell/login.tsx';
import { viewerQuery } from './shell/viewer.ts';

const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 5_000, refetchOnWindowFocus: true, retry: (failures, error) => failures < 2 && error instanceof ApiError && error.code === 'NETWORK' } },
});

type Access = { state: 'asking' } | { state: 'in' } | { state: 'out'; reason?: string };

/** Whoever has no good key sees the login, anyone else the pages. `arrival` is the login by the key in the address. */
export function App({ arrival }: { arrival: Promise<void> }) {
  const [access, setAccess] = useState<Access>({ state: 'asking' });

  async function enter() {
    await queries.fetchQuery({ ...viewerQuery, staleTime: 0 });
    setAccess({ state: 'in' });
  }

  useEffect(() => {
    const turnAway = (error: unknown) => setAccess({ state: 'out', reason: messageOf(error) });
    // To have no key yet is no fault.
    const turnAwayQuietly = (error: unknown) => (isNobody(error) ? setAccess({ state: 'out' }) : turnAway(error));
    void arrival.then(() => enter().catch(turnAwayQuietly), turnAway);
  }, [arrival]);
  // Whoever is not in cannot be logged out: to find that out is `enter`'s own answer.
  useEffect(() => {
    if (access.state !== 'in') return;
    return onLoggedOut(() => {
      disconnect();
      queries.clear();
      setAccess({ state: 'out', reason: 'You are logged out: the key was revoked, has expired, or you logged out.' });
    });
  }, [access.state]);

  if (access.state === 'asking') return null;
  if (access.state === 'out') return <Login reason={access.reason} onLogin={enter} />;
  return (
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}

const isNobody = (error: unknown) => error instanceof ApiError && error.code === 'UNAUTHENTICATED';
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
