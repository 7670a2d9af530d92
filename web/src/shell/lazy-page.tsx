import { lazyRouteComponent } from '@tanstack/react-router';
import type { ComponentType } from 'react';
import { useEffect, useState } from 'react';
import { useConnection } from './connection.tsx';
import { Fault } from './faults.tsx';

// Each page but the first is a file of its own. It cannot be read while the server is away, and after an upgrade the
// server has other files. A browser may remember a failed import for good, so only a reload of the document helps; and
// that only while the server answers, or the browser's own error page would replace ours.

/** The file of a page could not be read. */
export class PageNotRead extends Error {}

/** Kept from a reload until a page was read, so that one that stays missing does not make us reload for ever. */
const RELOADED = 'sentrial-reloaded';

/** A page that is read when it is first opened. */
export const lazyPage = <Name extends string>(read: () => Promise<Readonly<Record<Name, ComponentType>>>, name: Name) =>
  lazyRouteComponent(
    () =>
      read().then(
        (module) => {
          sessionStorage.removeItem(RELOADED);
          return { page: module[name] };
        },
        (cause: unknown) => {
          throw new PageNotRead('This page could not be loaded', { cause });
        },
      ),
    'page',
  );

const ANSWERS_WITHIN_MS = 5_000;
const isServerThere = () => fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) }).then(({ ok }) => ok, () => false);

/** Reloads the document if the server is there, and resolves to whether it is. Unless the reader asked for it, only once. */
async function loadAnew({ isAsked }: { isAsked: boolean }): Promise<boolean> {
  if (!(await isServerThere())) return false;
  if (isAsked || sessionStorage.getItem(RELOADED) === null) {
    sessionStorage.setItem(RELOADED, 'yes');
    location.reload();
  }
  return true;
}

/** Stands in for a page that could not be read: loads it anew as soon as there is a server, and again when asked to. */
export function UnreadPage() {
  const isLost = useConnection() === 'lost';
  const [isThere, setThere] = useState(false);
  useEffect(() => {
    if (!isLost) void loadAnew({ isAsked: false }).then(setThere);
  }, [isLost]);
  const why = isThere && !isLost ? 'The server does not have this page; it may be in the middle of an upgrade.' : 'This page could not be loaded: the server does not answer.';
  return <Fault error={new Error(why)} onRetry={() => void loadAnew({ isAsked: true }).then(setThere)} />;
}
