/** The shortest way to a first session, in each language. `key` is a key, or what stands for one. */
export type Language = 'TypeScript' | 'Python' | 'curl';
export const LANGUAGES: readonly Language[] = ['TypeScript', 'Python', 'curl'];

export function snippet(language: Language, url: string, key: string): { install: string; code: string } {
  switch (language) {
    case 'TypeScript':
      return {
        install: 'npm install @sentrial/sdk',
        code: `import { SentrialClient } from '@sentrial/sdk';

const sentrial = new SentrialClient({ apiUrl: '${url}', apiKey: '${key}' });
const sessionId = await sentrial.createSession({ name: 'Hello', agentName: 'my-agent', userId: 'user-1' });
await sentrial.trackToolCall({ sessionId, toolName: 'search', toolInput: { query: 'hello' }, toolOutput: { hits: 3 } });
await sentrial.completeSession({ sessionId, success: true });`,
      };
    case 'Python':
      return {
        install: 'pip install sentrial',
        code: `from sentrial import SentrialClient

sentrial = SentrialClient(api_url="${url}", api_key="${key}")
session = sentrial.create_session(name="Hello", agent_name="my-agent", user_id="user-1")
sentrial.track_tool_call(session_id=session, tool_name="search", tool_input={"query": "hello"}, tool_output={"hits": 3})
sentrial.complete_session(session_id=session, success=True)`,
      };
    case 'curl':
      return {
        install: '',
        code: `curl ${url}/api/sdk/sessions -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
  -d '{"id": "hello-1", "name": "Hello", "agentName": "my-agent", "userId": "user-1"}'
curl ${url}/api/sdk/events -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
  -d '{"sessionId": "hello-1", "eventType": "tool_call", "toolName": "search", "toolInput": {"query": "hello"}}'`,
      };
  }
}
