import { EventEmitter, once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';

/** What becomes of one request. */
export type Fault =
  | 'pass'
  /** Answered with this status instead. */
  | { status: number; headers?: Record<string, string>; body?: string }
  /** The connection is reset before an answer. */
  | 'reset'
  /** Never answered. */
  | 'hang'
  /** Done by the server, and then the connection is reset: the client cannot know. */
  | 'done, then reset'
  /** The answer breaks off in the middle. */
  | 'half an answer';

/** A real HTTP server before the real one, which does to each request what it is told. */
export type Proxy = AsyncDisposable & {
  url: string;
  /** What was asked for, in order: the operation, and the ids in it. */
  requests: { operation: string; body: string }[];
  /** Resolves once so many requests have come in. */
  received(count: number): Promise<void>;
  /** Decides for each request; `n` counts from 0. */
  fault: (n: number, operation: string) => Fault;
  /** Cuts every open connection. */
  cut(): void;
  /** From now on nothing passes over the WebSockets that are open; they stay open. */
  hush(): void;
  close(): Promise<void>;
};

export async function startProxy(target: string | undefined, fault: Proxy['fault'] = () => 'pass'): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const tunnels = new Set<{ hush(): void }>();
  const arrivals = new EventEmitter();
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const { hostname, port } = new URL(target!);
    const upstream = connect(Number(port), hostname, () => {
      upstream.write(`GET ${incoming.url} HTTP/1.1\r\n`);
      for (let index = 0; index < incoming.rawHeaders.length; index += 2) upstream.write(`${incoming.rawHeaders[index]}: ${incoming.rawHeaders[index + 1]}\r\n`);
      upstream.write('\r\n');
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    const end = () => socket.destroy();
    upstream.on('error', end);
    upstream.on('close', end);
    socket.on('error', () => upstream.destroy());
    const tunnel = {
      hush() {
        upstream.off('close', end);
        for (const [from, to] of [[socket, upstream], [upstream, socket]] as const) from.unpipe(to).resume();
      },
    };
    tunnels.add(tunnel);
    socket.on('close', () => {
      tunnels.delete(tunnel);
      upstream.destroy();
    });
  });

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse) {
    const body = await bodyOf(incoming);
    const operation = /^\{"query":"(?:\w+ )?(\w+|\{__typename\})/.exec(body)?.[1] ?? '';
    const n = proxy.requests.push({ operation, body }) - 1;
    arrivals.emit('request');
    const what = proxy.fault(n, operation);
    if (what === 'hang') return;
    if (what === 'reset') return incoming.socket.resetAndDestroy();
    if (typeof what === 'object') {
      outgoing.writeHead(what.status, { 'content-type': 'application/json', ...what.headers });
      return outgoing.end(what.body ?? '{}');
    }
    if (target === undefined) throw new Error('nothing to pass it to');
    const answer = await forward(target, incoming, body);
    if (what === 'done, then reset') return incoming.socket.resetAndDestroy();
    outgoing.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
    if (what === 'half an answer') {
      outgoing.write(answer.body.slice(0, answer.body.length / 2), () => incoming.socket.resetAndDestroy());
      return;
    }
    outgoing.end(answer.body);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => sockets.forEach((socket) => socket.resetAndDestroy());
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    cut();
    await closed;
  };
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    async received(count) {
      while (proxy.requests.length < count) await once(arrivals, 'request');
    },
    fault,
    cut,
    hush: () => tunnels.forEach((tunnel) => tunnel.hush()),
    close,
    [Symbol.asyncDispose]: close,
  };
  return proxy;
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function forward(target: string, incoming: IncomingMessage, body: string): Promise<{ status: number; headers: Record<string, string>; body: string }> {
  return new Promise((resolve, reject) => {
    const { authorization, 'content-type': type } = incoming.headers;
    const outgoing = request(`${target}${incoming.url}`, { method: incoming.method, headers: { authorization, 'content-type': type } }, (response) => {
      bodyOf(response).then((text) => resolve({ status: response.statusCode ?? 0, headers: { 'content-type': response.headers['content-type'] ?? '' }, body: text }), reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
