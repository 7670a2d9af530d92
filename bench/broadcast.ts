// The limit for bench/fanout.ts: a bare ws server that sends each message, once encoded, to every client.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(server, 'listening');
server.on('connection', (socket) => {
  // "send N text": N times the text to every client but the one that asks
  socket.on('message', (data: Buffer) => {
    const [, count, text] = /^send (\d+) (.*)$/s.exec(data.toString()) ?? [];
    if (count === undefined) return;
    const message = Buffer.from(text ?? '');
    for (let i = 0; i < Number(count); i++) for (const client of server.clients) if (client !== socket) client.send(message, { binary: false });
  });
});
process.stdout.write(`ws://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
process.on('SIGTERM', () => process.exit(0));
