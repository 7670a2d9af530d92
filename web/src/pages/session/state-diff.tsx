import { diffJson } from 'diff';
import { useMemo } from 'react';
import { Payload } from '../../ui/payload.tsx';
import { Text } from '../../ui/text.tsx';

/** Beyond this size, comparing line by line takes longer than one likes to wait. */
const LARGEST = 200_000;

/** What changed from one state to the next, line by line. */
export function StateDiff({ before, after }: { before: unknown; after: unknown }) {
  const isSmall = useMemo(() => JSON.stringify(before ?? null).length + JSON.stringify(after ?? null).length < LARGEST, [before, after]);
  const parts = useMemo(() => (isSmall ? diffJson((before ?? {}), (after ?? {})) : []), [before, after, isSmall]);
  const both = useMemo(() => ({ stateBefore: before, stateAfter: after }), [before, after]);
  if (!isSmall || before === null || after === null) {
    return (
      <>
        {before !== null && <Payload label="State before" value={before} />}
        {after !== null && <Payload label="State after" value={after} />}
      </>
    );
  }
  return (
    <Payload label="What changed" value={both}>
      <div className="json-body diff" tabIndex={0} role="group" aria-label="What changed, content">
        {parts.flatMap(({ value, added, removed }, part) =>
          value
            .replace(/\n$/, '')
            .split('\n')
            .map((line, index) => (
              <div key={`${part}.${index}`} className={added ? 'diff-added' : removed ? 'diff-removed' : undefined}>
                <span className="diff-sign">{added ? '+' : removed ? '−' : ' '}</span>
                <Text limit={2_000}>{line}</Text>
              </div>
            )),
        )}
      </div>
    </Payload>
  );
}
