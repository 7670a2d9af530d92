import { createHash } from 'node:crypto';

/** The page, and the headers that keep it to this server: its one script by its hash, its editor's workers and styles as it makes them. */
export type Graphiql = { body: Buffer; headers: { readonly [name: string]: string } };

/**
 * Renders GraphiQL. It is nine megabytes, so it is loaded by the first who opens it, and one copy serves everybody. It
 * needs nothing from another host.
 */
export async function renderGraphiql(): Promise<Graphiql> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({ title: 'Sentrial', defaultQuery: FIRST_QUERY });
  const script = html.slice(html.indexOf('<script>') + '<script>'.length, html.indexOf('</script>'));
  const hash = createHash('sha256').update(script).digest('base64');
  return {
    body: Buffer.from(html),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': [
        "default-src 'none'",
        `script-src 'sha256-${hash}'`,
        "style-src 'unsafe-inline'", // the editor writes its own while it runs
        'worker-src blob:',
        'font-src data:',
        'img-src data:',
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].join('; '),
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    },
  };
}

const FIRST_QUERY = `# Add your key under Headers: { "x-sentrial-api-key": "sentrial_live_…" }
query NewestSessions {
  sessions(first: 10) {
    edges { node { id name agentName status eventCount estimatedCost createdAt } }
  }
}
`;
