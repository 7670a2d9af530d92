import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { Activity, Bot, ChartNoAxesColumn, CircleHelp, Coins, LogOut, MessagesSquare, Monitor, Moon, Settings, Sun, Users } from 'lucide-react';
import { Suspense, useEffect } from 'react';
import { logout } from '../api/login.ts';
import { loggedOut } from '../api/request.ts';
import { listenForSigns } from '../api/signs.ts';
import { Text } from '../ui/text.tsx';
import { ConnectionBanner, ConnectionMark } from './connection.tsx';
import { Keyboard } from './keyboard.tsx';
import { Logo } from './logo.tsx';
import { chooseTheme, useTheme } from './theme.ts';
import { useViewer } from './viewer.ts';
import './shell.css';

const PAGES = [
  { to: '/overview', name: 'Overview', Icon: ChartNoAxesColumn },
  { to: '/sessions', name: 'Sessions', Icon: Activity },
  { to: '/conversations', name: 'Conversations', Icon: MessagesSquare },
  { to: '/agents', name: 'Agents', Icon: Bot },
  { to: '/users', name: 'Users', Icon: Users },
  { to: '/usage', name: 'Usage', Icon: Coins },
  { to: '/settings', name: 'Settings', Icon: Settings },
] as const;

const NEXT_THEME = { system: 'light', light: 'dark', dark: 'system' } as const;
const THEME_ICONS = { system: Monitor, light: Sun, dark: Moon };

/** What surrounds every page. */
export function Layout() {
  const viewer = useViewer();
  const theme = useTheme();
  useEffect(listenForSigns, []);
  const { pathname } = useLocation();
  const page = PAGES.find(({ to }) => pathname.startsWith(to))?.name;
  useEffect(() => {
    document.title = page === undefined ? 'Sentrial' : `${page} · Sentrial`;
  }, [page]);
  const ThemeIcon = THEME_ICONS[theme];
  return (
    <div className="shell">
      <nav className="nav" aria-label="Pages">
        <Link to="/sessions" className="brand">
          <Logo /> Sentrial
        </Link>
        {PAGES.map(({ to, name, Icon }) => (
          <Link key={to} to={to} className="nav-link" activeOptions={{ includeSearch: false }}>
            <Icon size={16} aria-hidden />
            <span>{name}</span>
          </Link>
        ))}
        <div className="nav-foot">
          <ConnectionMark />
          <div className="muted cut" title={`Project ${viewer.project.name}, key ${viewer.keyName}`}>
            <Text>{viewer.project.name}</Text> · <Text>{viewer.keyName}</Text>
          </div>
          <div className="nav-row">
            <button type="button" className="icon-button" aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`} onClick={() => chooseTheme(NEXT_THEME[theme])}>
              <ThemeIcon size={15} aria-hidden />
            </button>
            <button type="button" className="icon-button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => window.dispatchEvent(new KeyboardEvent('keydown', { key: '?' }))}>
              <CircleHelp size={15} aria-hidden />
            </button>
            <button type="button" className="icon-button" aria-label="Log out" title="Log out" onClick={() => void logout().then(loggedOut)}>
              <LogOut size={15} aria-hidden />
            </button>
          </div>
        </div>
      </nav>
      <main className="main">
        <ConnectionBanner />
        <Suspense fallback={<div className="page" aria-busy="true" />}>
          <Outlet />
        </Suspense>
      </main>
      <Keyboard />
    </div>
  );
}
