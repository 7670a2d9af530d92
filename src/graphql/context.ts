import DataLoader from 'dataloader';
import { eventPages } from '../event/access.ts';
import type { EventPage } from '../event/access.ts';
import type { Event, Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { sessionsById } from '../session/access.ts';

/** What a resolver gets: who asks, and loaders that gather the reads of one operation. */
export type Context = { scope: Scope; loaders: Loaders };

export type Loaders = {
  session: DataLoader<string, Session | null>;
  /** Pages of events; the same page of many sessions is one statement. */
  events(page: EventPage): DataLoader<string, Event[]>;
};

export function createContext(scope: Scope): Context {
  const pages = new Map<string, DataLoader<string, Event[]>>();
  return {
    scope,
    loaders: {
      session: new DataLoader(async (ids) => {
        const found = await sessionsById(scope, ids);
        return ids.map((id) => found.get(id) ?? null);
      }),
      events(page) {
        const key = JSON.stringify(page);
        let loader = pages.get(key);
        if (!loader) {
          loader = new DataLoader(async (ids) => {
            const found = await eventPages(scope, ids, page);
            return ids.map((id) => found.get(id) ?? []);
          });
          pages.set(key, loader);
        }
        return loader;
      },
    },
  };
}
