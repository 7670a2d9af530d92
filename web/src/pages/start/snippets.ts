/** The shortest way to a first session, in each language. `key` is a key, or what stands for one. */
export type Language = 'TypeScript' | 'Python' | 'curl';
export const LANGUAGES: readonly Language[] = ['TypeScript', 'Python', 'curl'];

/** The SDKs are not in a registry yet: they are installed from the server's source, here beside one's own folder. */
export const CHECKOUT = '../sentrial';

export function snippet(language: Language, url: string, key: string): { install: string; code: string } {
  switch (language) {
    case 'TypeScript':
      return {
        install: `npm --prefix ${CHECKOUT} run build -w sdk/typescript
npm install --install-links ${CHECKOUT}/sdk/typescript`,
        code: `import { SentrialClient } from '@sentrial/sdk';

const sentrial = new SentrialClient({
  apiUrl: '${url}',
  apiKey: '${key}',
});
const run = sentrial.begin({ userId: 'user-1', event: 'my-agent', input: 'Hello' });
run.trackToolCall({ toolName: 'search', toolInput: { query: 'hello' }, toolOutput: { hits: 3 } });
await run.finish({ output: 'Hello, user-1.' });`,
      };
    case 'Python':
      return {
        install: `pip install ${CHECKOUT}/sdk/python`,
        code: `from sentrial import SentrialClient

sentrial = SentrialClient(
    api_url="${url}",
    api_key="${key}",
)
with sentrial.begin(user_id="user-1", event="my-agent", input="Hello") as run:
    run.track_tool_call("search", {"query": "hello"}, {"hits": 3})
    run.set_output("Hello, user-1.")`,
      };
    case 'curl':
      return {
        install: '',
        code: `report() {
  curl -fsS -X $1 ${url}/api/sdk$2 \\
    -H "Authorization: Bearer ${key}" \\
    -H "Content-Type: application/json" -d "$3"
}
report POST /sessions '{"id": "hello-1", "name": "Hello", "agentName": "my-agent", "userId": "user-1"}'
report POST /events '{"sessionId": "hello-1", "eventType": "tool_call", "toolName": "search"}'
report PATCH /sessions/hello-1 '{"success": true}'`,
      };
  }
}
