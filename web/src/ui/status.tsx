import { Ban, Check, LoaderCircle, X } from 'lucide-react';
import './status.css';

export type Status = 'ACTIVE' | 'COMPLETED' | 'FAILED' | 'CANCELLED';

export const STATUSES: Readonly<Record<Status, { name: string; Icon: typeof Check }>> = {
  ACTIVE: { name: 'Running', Icon: LoaderCircle },
  COMPLETED: { name: 'Completed', Icon: Check },
  FAILED: { name: 'Failed', Icon: X },
  CANCELLED: { name: 'Cancelled', Icon: Ban },
};

/** Where a session stands, by icon, word and colour. */
export function StatusMark({ status, small }: { status: Status; small?: boolean }) {
  const { name, Icon } = STATUSES[status];
  return (
    <span className={`status status-${status.toLowerCase()}`} title={name}>
      <Icon size={14} aria-hidden />
      <span className={small ? 'visually-hidden' : undefined}>{name}</span>
    </span>
  );
}
