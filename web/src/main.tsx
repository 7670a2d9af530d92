import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { login, takeKeyFromAddress } from './api/login.ts';
import { App } from './app.tsx';
import { applyTheme } from './shell/theme.ts';
import './shell/base.css';

const key = takeKeyFromAddress();
applyTheme();
// A key that is not good ends at the login, which says so.
const arrival = key === undefined ? Promise.resolve() : login(key);
arrival.catch(() => undefined);

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App arrival={arrival} />
  </StrictMode>,
);
