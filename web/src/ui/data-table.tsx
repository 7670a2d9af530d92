import { Children } from 'react';
import type { ReactNode } from 'react';
import './data-table.css';

/** A heading over text, over figures, or one that only screen readers say. */
export type Column = string | { number: string } | { hidden: string };

/** Children are rows; `empty` is said where there are none. */
type Rows = { columns: readonly Column[]; empty?: string; children: ReactNode };

/** A table that scrolls sideways where there is no room for it. */
export function DataTable({ label, columns, empty, children }: Rows & { label: string }) {
  return (
    <div className="table-box" role="region" aria-label={label} tabIndex={0}>
      <table className="data">
        <thead>
          <tr>
            {columns.map((column) => {
              if (typeof column === 'string') return <th key={column} scope="col">{column}</th>;
              if ('number' in column) return <th key={column.number} scope="col" className="number">{column.number}</th>;
              return <th key={column.hidden} scope="col"><span className="visually-hidden">{column.hidden}</span></th>;
            })}
          </tr>
        </thead>
        <tbody>
          {children}
          {empty !== undefined && Children.count(children) === 0 && (
            <tr>
              <td colSpan={columns.length} className="empty">
                {empty}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** A table under its title, with what else stands there, such as a link to more. */
export function TablePanel({ title, aside, ...table }: Rows & { title: string; aside?: ReactNode }) {
  return (
    <section className="panel">
      <div className="panel-head">
        <h2>{title}</h2>
        {aside}
      </div>
      <DataTable label={title} {...table} />
    </section>
  );
}
