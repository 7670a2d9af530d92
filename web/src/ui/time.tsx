import { useNow } from './clock.ts';
import { ago, beganAt, duration, exactly } from './format.ts';

/** How long ago; the exact moment on hover. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  const moment = Date.parse(at);
  return (
    <time dateTime={at} title={exactly(moment)}>
      {ago(moment, now)}
    </time>
  );
}

/** How long a session took; ticks while it runs. */
export function Elapsed({ session }: { session: { clientTimestamp: string | null; createdAt: string; durationMs: number | null; status: string } }) {
  return session.status === 'ACTIVE' ? <Ticking since={beganAt(session)} /> : <span>{duration(session.durationMs)}</span>;
}

function Ticking({ since }: { since: string }) {
  const now = useNow();
  const ms = Math.max(0, now - Date.parse(since));
  return (
    <span className="ticking" role="timer">
      {duration(Math.floor(ms / 1_000) * 1_000)}
    </span>
  );
}
