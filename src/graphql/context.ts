import DataLoader from 'dataloader';
import { eventPages } from '../event/access.ts';
import type { EventPage } from '../event/access.ts';
import type { Event, Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { childPages, sessionsById } from '../session/access.ts';
import type { SessionField, SessionPage } from '../session/access.ts';

/** What a resolver gets: who asks, and loaders that gather the reads of one operation. */
export type Context = { scope: Scope; loaders: Loaders };

type Loaders = {
  session: DataLoader<string, Session | null>;
  /** Pages of events; the same page of many sessions is one statement. */
  events(page: EventPage): DataLoader<string, Event[]>;
  /** Pages of the sessions that sessions started; the same. */
  children(page: ChildPage): DataLoader<string, Session[]>;
};

type ChildPage = SessionPage & { fields: readonly SessionField[] };

export function createContext(scope: Scope): Context {
  return {
    scope,
    loaders: {
      session: new DataLoader(async (ids) => {
        const found = await sessionsById(scope, ids);
        return ids.map((id) => found.get(id) ?? null);
      }),
      events: pageLoaders((ids, page: EventPage) => eventPages(scope, ids, page)),
      children: pageLoaders((ids, page: ChildPage) => childPages(scope, ids, page)),
    },
  };
}

/** A loader for each page that is asked for. */
function pageLoaders<Page, Row>(read: (ids: readonly string[], page: Page) => Promise<Map<string, Row[]>>): (page: Page) => DataLoader<string, Row[]> {
  const loaders = new Map<string, DataLoader<string, Row[]>>();
  return (page) => {
    const key = JSON.stringify(page);
    let loader = loaders.get(key);
    if (!loader) {
      loader = new DataLoader(async (ids) => {
        const found = await read(ids, page);
        return ids.map((id) => found.get(id) ?? []);
      });
      loaders.set(key, loader);
    }
    return loader;
  };
}
