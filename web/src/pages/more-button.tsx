/** Reads the next page of a list. */
export const MoreButton = ({ hasMore, more, isReading }: { hasMore: boolean; more: () => void; isReading: boolean }) =>
  hasMore && (
    <button type="button" className="button more-button" disabled={isReading} onClick={more}>
      {isReading ? 'Reading…' : 'Show more'}
    </button>
  );
