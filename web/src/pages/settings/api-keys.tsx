import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { graphql } from '../../api/graphql.ts';
import { request } from '../../api/request.ts';
import { Fault } from '../../shell/faults.tsx';
import { useViewer } from '../../shell/viewer.ts';
import { CopyButton } from '../../ui/copy.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Text } from '../../ui/text.tsx';
import { Ago } from '../../ui/time.tsx';

const API_KEYS = graphql(`
  query ApiKeys {
    apiKeys {
      id
      name
      prefix
      scopes
      createdAt
      expiresAt
      revokedAt
    }
  }
`);
const CREATE = graphql(`
  mutation CreateApiKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      key
    }
  }
`);
const REVOKE = graphql(`
  mutation RevokeApiKey($input: RevokeApiKeyInput!) {
    revokeApiKey(input: $input) {
      id
    }
  }
`);

const SCOPES = [
  ['SESSIONS_WRITE', 'Create and update sessions', true],
  ['EVENTS_WRITE', 'Record events', true],
  ['READ', 'Query and subscribe', false],
  ['ADMIN', 'Everything, keys and deletion too', false],
] as const;
type KeyScope = (typeof SCOPES)[number][0];

const wordsOf = (scope: KeyScope) => scope.toLowerCase().replace('_', ':');

/** The keys of the project: made, shown once, revoked. */
export function ApiKeys() {
  const queries = useQueryClient();
  const viewer = useViewer();
  const { data, error } = useQuery({ queryKey: ['apiKeys'], queryFn: async ({ signal }) => (await request(API_KEYS, {}, signal)).apiKeys });
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<{ id: string; name: string }>();
  const changed = () => void queries.invalidateQueries({ queryKey: ['apiKeys'] });
  return (
    <section>
      <div className="settings-head">
        <h2>API keys</h2>
        <button type="button" className="button" onClick={() => setMaking(true)}>
          <Plus size={14} aria-hidden /> New key
        </button>
      </div>
      {error && <Fault error={error} />}
      <div className="panel" aria-busy={!data && !error}>
        <DataTable label="API keys" columns={['Name', 'Key', 'Scopes', 'Made', 'Expires', { hidden: 'Revoke' }]}>
          {(data ?? []).map((key) => (
            <tr key={key.id} className={key.revokedAt === null ? undefined : 'muted'}>
              <th scope="row">
                <Text limit={60}>{key.name}</Text> {key.id === viewer.keyId && <span className="chip">this one</span>}
              </th>
              <td className="mono">{key.prefix}…</td>
              <td>{key.scopes.map(wordsOf).join(', ')}</td>
              <td><Ago at={key.createdAt} /></td>
              <td>{key.expiresAt === null ? 'never' : new Date(key.expiresAt).toLocaleDateString('en')}</td>
              <td className="number">
                {key.revokedAt === null ? (
                  <button type="button" className="button button-danger" onClick={() => setRevoking(key)}>
                    Revoke
                  </button>
                ) : (
                  <>revoked <Ago at={key.revokedAt} /></>
                )}
              </td>
            </tr>
          ))}
        </DataTable>
      </div>
      {making && <NewKey onMade={changed} onClose={() => setMaking(false)} />}
      {revoking && <Revoke apiKey={revoking} isOwn={revoking.id === viewer.keyId} onRevoked={changed} onClose={() => setRevoking(undefined)} />}
    </section>
  );
}

function NewKey({ onMade, onClose }: { onMade: () => void; onClose: () => void }) {
  const { mutate, data, error, isPending } = useMutation({
    mutationFn: async (form: FormData) => {
      const expires = form.get('expires') as string;
      const input = { name: form.get('name') as string, scopes: form.getAll('scopes') as KeyScope[], ...(expires !== '' && { expiresAt: new Date(expires).toISOString() }) };
      return (await request(CREATE, { input })).createApiKey.key;
    },
    onSuccess: onMade,
  });
  if (data !== undefined) {
    return (
      <Dialog title="Your new key" onClose={onClose}>
        <p>Copy it now: it is not kept, and cannot be shown again.</p>
        <p className="new-key">
          <code data-testid="new-key">{data}</code> <CopyButton text={data} label="Copy the key" />
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog title="New API key" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          mutate(new FormData(event.currentTarget));
        }}
      >
        <label>
          What it is for
          <input className="field" name="name" required maxLength={200} autoFocus placeholder="production agent" />
        </label>
        <fieldset>
          <legend>What it may do</legend>
          {SCOPES.map(([scope, what, usual]) => (
            <label key={scope} className="check">
              <input type="checkbox" name="scopes" value={scope} defaultChecked={usual} /> <code>{wordsOf(scope)}</code> <span className="muted">{what}</span>
            </label>
          ))}
        </fieldset>
        <label>
          Expires, if ever
          <input className="field" type="date" name="expires" />
        </label>
        {error && <Fault error={error} />}
        <button className="button button-primary" disabled={isPending}>
          Make the key
        </button>
      </form>
    </Dialog>
  );
}

function Revoke({ apiKey, isOwn, onRevoked, onClose }: { apiKey: { id: string; name: string }; isOwn: boolean; onRevoked: () => void; onClose: () => void }) {
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => request(REVOKE, { input: { id: apiKey.id } }),
    onSuccess: () => {
      onRevoked();
      onClose();
    },
  });
  return (
    <Dialog title="Revoke this key?" onClose={onClose}>
      <div className="form">
        <p>
          <Text limit={80}>{apiKey.name}</Text> stops working at once, for good, and its live connections are closed.
          {isOwn && <b> You are logged in with it.</b>}
        </p>
        {error && <Fault error={error} />}
        <button type="button" className="button button-danger" disabled={isPending} onClick={() => mutate()}>
          Revoke
        </button>
      </div>
    </Dialog>
  );
}
