import { useState } from 'react';
import { login } from '../api/login.ts';
import { Logo } from './logo.tsx';

/** Asks for an API key and exchanges it for the cookie; `onLogin` then lets its owner in. */
export function Login({ reason, onLogin }: { reason?: string | undefined; onLogin: () => Promise<void> }) {
  const [fault, setFault] = useState(reason);
  const [busy, setBusy] = useState(false);
  async function submit(key: string) {
    setBusy(true);
    try {
      await login(key.trim());
      await onLogin();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  }
  return (
    <main className="login">
      <form
        className="panel"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget).get('key') as string);
        }}
      >
        <span className="brand">
          <Logo /> Sentrial
        </span>
        <h1>Log in with an API key</h1>
        <label>
          API key
          <input className="field mono" name="key" type="password" placeholder="sentrial_live_…" autoComplete="off" required autoFocus spellCheck={false} />
        </label>
        {fault && <p role="alert">{fault}</p>}
        <button className="button button-primary" disabled={busy}>
          Log in
        </button>
        <p>
          The server printed one at its first start. <code>npm run keys -- create --name me --scopes admin</code> makes another.
        </p>
      </form>
    </main>
  );
}
