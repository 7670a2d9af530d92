import type { ErrorComponentProps } from '@tanstack/react-router';
import { Fault } from './faults.tsx';
import { PageNotRead, UnreadPage } from './lazy-page.tsx';

/** Stands where a page failed. */
export const RouteFault = ({ error, reset }: ErrorComponentProps) => (
  <div className="page">{error instanceof PageNotRead ? <UnreadPage /> : <Fault error={error instanceof Error ? error : new Error(String(error))} onRetry={reset} />}</div>
);
