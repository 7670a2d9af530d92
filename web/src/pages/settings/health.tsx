import { useQuery } from '@tanstack/react-query';
import { ConnectionMark } from '../../shell/connection.tsx';

type Ready = { status: string; database: string; bus: string };

/** What the server says of itself at /readyz. */
export function Health() {
  const { data, dataUpdatedAt, refetch, isError } = useQuery({
    queryKey: ['readyz'],
    queryFn: async ({ signal }) => (await (await fetch('/readyz', { signal })).json()) as Ready,
  });
  return (
    <section>
      <div className="settings-head">
        <h2>Server</h2>
        <button type="button" className="button" onClick={() => void refetch()}>
          Ask again
        </button>
      </div>
      <dl className="facts panel health">
        <div>
          <dt>Server</dt>
          <dd><Part state={isError ? 'does not answer' : data?.status} isWell={!isError && data?.status === 'ready'} /></dd>
        </div>
        <div>
          <dt>Database</dt>
          <dd><Part state={data?.database} isWell={data?.database === 'up'} /></dd>
        </div>
        <div>
          <dt>Bus</dt>
          <dd><Part state={data?.bus} isWell={data?.bus === 'up'} /></dd>
        </div>
        <div>
          <dt>This page</dt>
          <dd>
            <ConnectionMark />
          </dd>
        </div>
        <div>
          <dt>Address</dt>
          <dd className="mono">{location.origin}</dd>
        </div>
        <div>
          <dt>Asked at</dt>
          <dd>{dataUpdatedAt > 0 ? new Date(dataUpdatedAt).toLocaleTimeString('en', { hour12: false }) : '…'}</dd>
        </div>
      </dl>
      <p className="muted">
        <a href="/graphql">GraphQL</a> · <a href="/openapi.json">OpenAPI</a> · <a href="/metrics">Metrics for Prometheus</a>
      </p>
    </section>
  );
}

/** A part of the server: what it says, and a dot that says whether it is well. */
const Part = ({ state, isWell }: { state: string | undefined; isWell: boolean }) => (
  <span className="connection" data-state={state === undefined ? 'connecting' : isWell ? 'live' : 'lost'}>
    {state ?? '…'}
  </span>
);
