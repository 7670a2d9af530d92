import { Fault } from '../../shell/faults.tsx';
import { MoreButton } from '../more-button.tsx';
import { RangeSelect } from '../range-select.tsx';
import type { RangeName } from '../range.ts';
import type { usePages } from '../use-pages.ts';
import { NamesTable } from './names-table.tsx';
import type { NameRow } from './names-table.tsx';

type Props<Node> = {
  what: 'Agent' | 'User';
  range: RangeName;
  onRange: (range: RangeName) => void;
  pages: ReturnType<typeof usePages<Node>>;
  rowOf: (node: Node) => NameRow;
};

/** The agents or users of a time, by name. */
export function NamesPage<Node>({ what, range, onRange, pages, rowOf }: Props<Node>) {
  const { nodes, error, retry } = pages;
  return (
    <div className="page" aria-busy={!nodes && !error}>
      <div className="page-head">
        <h1>{what}s</h1>
        <RangeSelect value={range} onChange={onRange} />
      </div>
      {error && <Fault error={error} onRetry={retry} />}
      {nodes && (nodes.length === 0 ? <div className="empty">No {what.toLowerCase()} in this time.</div> : <NamesTable what={what} rows={nodes.map(rowOf)} />)}
      <MoreButton {...pages} />
    </div>
  );
}
