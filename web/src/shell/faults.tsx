import { Link } from '@tanstack/react-router';
import { Text } from '../ui/text.tsx';

/** What went wrong, and trying again. */
export function Fault({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  return (
    <div className="fault" role="alert">
      <Text>{error.message}</Text>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export const NotFound = () => (
  <div className="page">
    <div className="empty">
      <h1>No such page</h1>
      <Link to="/sessions">To the sessions</Link>
    </div>
  </div>
);
