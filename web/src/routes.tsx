import { createRootRoute, createRoute, createRouter, redirect } from '@tanstack/react-router';
import { parseRange } from './pages/range.ts';
import { parseView } from './pages/sessions/view.ts';
import { SessionsPage } from './pages/sessions/sessions-page.tsx';
import { NotFound } from './shell/faults.tsx';
import { Layout } from './shell/layout.tsx';
import { lazyPage } from './shell/lazy-page.tsx';
import { RouteFault } from './shell/route-fault.tsx';

// The server answers each of these paths with the page: PAGES in src/http/dashboard.ts, held to these by a test.

const root = createRootRoute({ component: Layout, notFoundComponent: NotFound, errorComponent: RouteFault });

type Search = Record<string, unknown>;
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

export const homeRoute = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- how the router is told
    throw redirect({ to: '/sessions', replace: true });
  },
});
export const sessionsRoute = createRoute({ getParentRoute: () => root, path: '/sessions', validateSearch: parseView, component: SessionsPage });
export const sessionRoute = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$id',
  validateSearch: (search: Search): { event?: string; types?: string; tab?: string } => ({ event: text(search['event']), types: text(search['types']), tab: text(search['tab']) }),
  component: lazyPage(() => import('./pages/session/session-page.tsx'), 'SessionPage'),
});
export const overviewRoute = createRoute({
  getParentRoute: () => root,
  path: '/overview',
  validateSearch: parseRange,
  component: lazyPage(() => import('./pages/overview/overview-page.tsx'), 'OverviewPage'),
});
export const usageRoute = createRoute({
  getParentRoute: () => root,
  path: '/usage',
  validateSearch: parseRange,
  component: lazyPage(() => import('./pages/usage/usage-page.tsx'), 'UsagePage'),
});
export const conversationsRoute = createRoute({
  getParentRoute: () => root,
  path: '/conversations',
  component: lazyPage(() => import('./pages/conversations/conversations-page.tsx'), 'ConversationsPage'),
});
export const conversationRoute = createRoute({
  getParentRoute: () => root,
  path: '/conversations/$id',
  component: lazyPage(() => import('./pages/conversations/conversation-page.tsx'), 'ConversationPage'),
});
export const agentsRoute = createRoute({
  getParentRoute: () => root,
  path: '/agents',
  validateSearch: parseRange,
  component: lazyPage(() => import('./pages/names/agents-page.tsx'), 'AgentsPage'),
});
export const usersRoute = createRoute({
  getParentRoute: () => root,
  path: '/users',
  validateSearch: parseRange,
  component: lazyPage(() => import('./pages/names/users-page.tsx'), 'UsersPage'),
});
export const settingsRoute = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyPage(() => import('./pages/settings/settings-page.tsx'), 'SettingsPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([homeRoute, sessionsRoute, sessionRoute, overviewRoute, usageRoute, conversationsRoute, conversationRoute, agentsRoute, usersRoute, settingsRoute]),
  // The address is for people: ?status=FAILED&q=4711, every value as it is written.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const given = Object.entries(search as Record<string, unknown>).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '');
    return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
  },
  // A page that fails leaves what surrounds it in place.
  defaultErrorComponent: RouteFault,
  defaultPreload: 'intent',
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
