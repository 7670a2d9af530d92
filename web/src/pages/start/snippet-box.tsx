import * as Tabs from '@radix-ui/react-tabs';
import { useState } from 'react';
import { graphql } from '../../api/graphql.ts';
import { knownKey } from '../../api/login.ts';
import { request } from '../../api/request.ts';
import { useMay } from '../../shell/viewer.ts';
import { CopyButton } from '../../ui/copy.tsx';
import { CHECKOUT, LANGUAGES, snippet } from './snippets.ts';
import './snippet-box.css';

const CREATE_KEY = graphql(`
  mutation CreateSnippetKey {
    createApiKey(input: { name: "snippet", scopes: [SESSIONS_WRITE, EVENTS_WRITE] }) {
      key
    }
  }
`);

const STANDS_FOR_A_KEY = 'sentrial_live_…';

/** Snippets with this server's address and a key that works: the one this page was opened with, or a new one. */
export function SnippetBox() {
  const [made, setMade] = useState<string>();
  const [fault, setFault] = useState<string>();
  const mayMake = useMay('ADMIN');
  const key = made ?? knownKey();
  async function makeKey() {
    try {
      setMade((await request(CREATE_KEY, {})).createApiKey.key);
    } catch (error) {
      setFault((error as Error).message);
    }
  }
  return (
    <Tabs.Root className="snippet-box panel" defaultValue="TypeScript">
      <div className="snippet-head">
        <Tabs.List className="tabs" aria-label="Language">
          {LANGUAGES.map((language) => (
            <Tabs.Trigger key={language} className="tab" value={language}>
              {language}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {key === undefined &&
          (mayMake ? (
            <button type="button" className="button" onClick={() => void makeKey()}>
              Put a key in
            </button>
          ) : (
            <span className="muted">Put a key of yours in.</span>
          ))}
      </div>
      {fault && <p role="alert" className="bad">{fault}</p>}
      {LANGUAGES.map((language) => {
        const { install, code } = snippet(language, location.origin, key ?? STANDS_FOR_A_KEY);
        return (
          <Tabs.Content key={language} value={language} className="snippet-body">
            {install !== '' && (
              <>
                <p className="muted">
                  The SDK comes with the source of this server; here that is <code>{CHECKOUT}</code>, beside your project.
                </p>
                <Code text={install} />
              </>
            )}
            <Code text={code} />
          </Tabs.Content>
        );
      })}
    </Tabs.Root>
  );
}

function Code({ text }: { text: string }) {
  return (
    <div className="code">
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={text} />
    </div>
  );
}
