import { useMay, useViewer } from '../../shell/viewer.ts';
import { Text } from '../../ui/text.tsx';
import { SnippetBox } from '../start/snippet-box.tsx';
import { ApiKeys } from './api-keys.tsx';
import { Health } from './health.tsx';
import './settings.css';

/** Keys, how to report, and how the server is. */
export function SettingsPage() {
  const { project, keyName, scopes } = useViewer();
  const isAdmin = useMay('ADMIN');
  return (
    <div className="page settings">
      <div className="page-head">
        <h1>Settings</h1>
        <span className="muted">
          Project <Text>{project.name}</Text>, logged in with the key <Text>{keyName}</Text>
        </span>
      </div>
      {isAdmin ? <ApiKeys /> : <p className="muted">This key ({scopes.join(', ').toLowerCase()}) may not manage keys; log in with one that has the scope admin.</p>}
      <section>
        <h2>Report from your agent</h2>
        <SnippetBox />
      </section>
      <Health />
    </div>
  );
}
