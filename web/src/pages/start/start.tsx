import { ConnectionMark } from '../../shell/connection.tsx';
import { SnippetBox } from './snippet-box.tsx';
import './start.css';

/** What is shown while there is no session. The list that shows it is live, so the first session replaces it. */
export function Start() {
  return (
    <div className="page start">
      <h1>Report your first run</h1>
      <p className="muted">Copy, run, and watch: this page changes the moment the first session arrives.</p>
      <SnippetBox />
      <p className="start-waiting">
        <ConnectionMark /> <span className="muted">Waiting for the first session…</span>
      </p>
      <p className="muted">
        Or play a sample into a server on this machine: <code>SENTRIAL_API_KEY=… npm run demo</code>
      </p>
    </div>
  );
}
