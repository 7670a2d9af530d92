import { Link } from '@tanstack/react-router';
import { CircleAlert, CornerDownRight } from 'lucide-react';
import { memo } from 'react';
import type { CSSProperties } from 'react';
import { beganAt, count, money, short } from '../../ui/format.ts';
import { plainly } from '../../ui/plain-text.ts';
import { StatusMark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import { Ago, Elapsed } from '../../ui/time.tsx';
import type { SessionRow } from './documents.ts';

/** One session in the list. */
export const SessionLine = memo(function SessionLine({ row, style, index, selected, arrived }: { row: SessionRow; style: CSSProperties; index: number; selected: boolean; arrived: boolean }) {
  return (
    <div className={`line${selected ? ' line-selected' : ''}${arrived ? ' line-arrived' : ''}`} style={style} role="row" aria-rowindex={index + 1} data-session={row.id}>
      <div className="c-status" role="cell">
        <StatusMark status={row.status} />
      </div>
      <div className="c-name cut" role="cell" title={plainly(row.name)}>
        {row.parentSessionId && <CornerDownRight size={13} className="muted" aria-label="Child session" />}
        <Link to="/sessions/$id" params={{ id: row.id }} search={{}} className="row-link" data-selected={selected || undefined}>
          <Text>{row.name}</Text>
        </Link>
        {row.errorCount > 0 && (
          <span className="errors" title={`${count(row.errorCount)} errors`}>
            <CircleAlert size={12} aria-hidden /> {short(row.errorCount)}
            <span className="visually-hidden"> errors</span>
          </span>
        )}
      </div>
      <div className="c-agent cut" role="cell" title={plainly(row.agentName)}>
        <Text>{row.agentName}</Text>
      </div>
      <div className="c-user cut" role="cell" title={plainly(row.userId)}>
        <Text>{row.userId}</Text>
      </div>
      <div className="c-convo cut" role="cell" title={row.convoId ? plainly(row.convoId) : undefined}>
        {row.convoId && (
          <Link to="/conversations/$id" params={{ id: row.convoId }} className="quiet-link">
            <Text>{row.convoId}</Text>
          </Link>
        )}
      </div>
      <div className="c-started" role="cell">
        <Ago at={beganAt(row)} />
      </div>
      <div className="c-duration number" role="cell">
        <Elapsed session={row} />
      </div>
      <div className="c-events number" role="cell">
        {short(row.eventCount)}
      </div>
      <div className="c-tokens number" role="cell" title={count(row.totalTokens)}>
        {short(row.totalTokens)}
      </div>
      <div className="c-cost number" role="cell" title={`$${row.estimatedCost}`}>
        {money(row.estimatedCost)}
      </div>
    </div>
  );
});
