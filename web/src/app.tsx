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
    try {
      await queries.fetchQuery({ ...viewerQuery, staleTime: 0 });
      setAccess({ state: 'in' });
    } catch (error) {
      // To have no key yet is no fault.
      const isNobody = error instanceof ApiError && error.code === 'UNAUTHENTICATED';
      setAccess({ state: 'out', ...(!isNobody && { reason: messageOf(error) }) });
    }
  }

  useEffect(() => void arrival.then(enter, (error: unknown) => setAccess({ state: 'out', reason: messageOf(error) })), [arrival]);
  useEffect(
    () =>
      onLoggedOut(() => {
        disconnect();
        queries.clear();
        setAccess((before) => (before.state === 'in' ? { state: 'out', reason: 'You are logged out: the key was revoked, has expired, or you logged out.' } : before));
      }),
    [],
  );

  if (access.state === 'asking') return null;
  if (access.state === 'out') return <Login reason={access.reason} onLogin={() => void enter()} />;
  return (
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
