/** The readers of bench/precedence.ts, in a process of their own: so many clients that ask the same, one after the other, until SIGTERM. */
import { Agent, request } from 'node:http';
import { KEY } from './support.ts';

const [url = '', question = '', clients = '1'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) });
/** What became of the requests: answered, or the codes of what was refused. */
const counts: Record<string, number> = {};

/** POST, or GET where the question is a path. A live query is left once it has sent as much as a page. */
function ask(): Promise<string> {
  const query = question.replaceAll('###', () => String(Math.floor(100 + Math.random() * 900)));
  const live = query.startsWith('subscription');
  const path = query.startsWith('/') ? query : '/graphql';
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...(live && { accept: 'text/event-stream' }) };
  return new Promise((resolve) => {
    const sent = request(url + path, { agent, method: query.startsWith('/') ? 'GET' : 'POST', headers }, (response) => {
      let head = '';
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (head.length < 4_000) head += chunk.toString('latin1');
        if (live && bytes > 4_000_000) sent.destroy();
      });
      const settle = () => resolve(/"code":"(\w+)"/.exec(head)?.[1] ?? (response.statusCode === 200 ? 'answered' : String(response.statusCode)));
      response.on('end', settle);
      response.on('error', settle);
      response.on('close', settle);
    });
    sent.on('error', () => resolve('broken'));
    sent.end(query.startsWith('/') ? undefined : JSON.stringify({ query }));
  });
}

async function client() {
  for (;;) {
    const became = await ask();
    counts[became] = (counts[became] ?? 0) + 1;
    if (became !== 'answered') await new Promise((resolve) => setTimeout(resolve, 100)); // whoever is refused at once does not ask at once
  }
}

process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0));
});
for (let n = 0; n < Number(clients); n++) void client();
