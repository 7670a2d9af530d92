import DataLoader from 'dataloader';
import { eventPages, eventsById } from '../event/access.ts';
import type { EventField, EventPage } from '../event/access.ts';
import type { Event, Session } from '../generated/prisma/client.ts';
import type { Scope } from '../scope.ts';
import { childPages, sessionsById } from '../session/access.ts';
import type { SessionField, SessionPage } from '../session/access.ts';
import type { Page } from '../store/bounded.ts';

/** What a resolver gets: who asks, and loaders that gather the reads of one operation. */
export type Context = { scope: Scope; loaders: Loaders };

type Loaders = {
  /** Events by id, with these fields; undefined where the project has none. */
  event(fields: readonly EventField[]): DataLoader<string, Event | undefined>;
  /** Sessions by id; the same. */
  session(fields: readonly SessionField[]): DataLoader<string, Session | undefined>;
  /** Pages of events; the same page of many sessions is one statement. */
  events(page: EventPage): DataLoader<string, Page<Event>>;
  /** Pages of the sessions that sessions started; the same. */
  children(page: ChildPage): DataLoader<string, Page<Session>>;
};

type ChildPage = SessionPage & { fields: readonly SessionField[] };

export function createContext(scope: Scope): Context {
  return {
    scope,
    loaders: {
      event: loaders((ids, fields: readonly EventField[]) => eventsById(scope, ids, fields), undefined),
      session: loaders((ids, fields: readonly SessionField[]) => sessionsById(scope, ids, fields), undefined),
      events: loaders((ids, page: EventPage) => eventPages(scope, ids, page), NONE),
      children: loaders((ids, page: ChildPage) => childPages(scope, ids, page), NONE),
    },
  };
}

const NONE = { rows: [], more: false };

/** A loader for each thing that is asked of rows, and what it gives where there are none. */
function loaders<What, Found, None>(read: (ids: readonly string[], what: What) => Promise<Map<string, Found>>, none: None): (what: What) => DataLoader<string, Found | None> {
  const known = new Map<string, DataLoader<string, Found | None>>();
  return (what) => {
    const key = JSON.stringify(what);
    let loader = known.get(key);
    if (!loader) {
      loader = new DataLoader(async (ids) => {
        const found = await read(ids, what);
        return ids.map((id) => found.get(id) ?? none);
      });
      known.set(key, loader);
    }
    return loader;
  };
}
