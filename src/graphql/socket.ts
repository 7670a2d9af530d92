import type { Socket } from 'node:net';
import type { WebSocket } from '@fastify/websocket';
import { CloseCode } from 'graphql-ws';
import type { WebSocket as GraphqlSocket } from 'graphql-ws';
import type { Logger } from '../log.ts';
import { isObject } from '../wire.ts';
import type { Stranger } from './strangers.ts';

/** A peer that does not answer a ping before the next one is gone, in milliseconds. */
const KEEP_ALIVE_MS = 12_000;

/** Types of messages that only a server sends: graphql-ws parses them and then throws. */
const OF_SERVERS: readonly unknown[] = ['connection_ack', 'next', 'error'];

/**
 * A WebSocket of `ws` as graphql-ws takes it. What it sends is charged to the stranger until `admit` is called. Once
 * it is closing, nothing more that it sends is acted on.
 */
export function createGraphqlSocket(socket: WebSocket, connection: Socket, stranger: Stranger, log: Logger): GraphqlSocket & { admit(): void } {
  let answers = true;
  socket.on('pong', () => (answers = true));
  const heartbeat = setInterval(() => {
    if (!answers) return socket.terminate();
    answers = false;
    socket.ping();
  }, KEEP_ALIVE_MS);

  // As they come in: ws tells of a message only when it has the whole of it in memory.
  function charge({ length }: Buffer) {
    const refusal = stranger.sent(length);
    if (!refusal) return;
    socket.pause();
    socket.close(...refusal);
  }
  function admit() {
    connection.off('data', charge);
    stranger.leave();
  }
  connection.on('data', charge);

  socket.once('close', () => {
    clearInterval(heartbeat);
    admit();
  });

  return {
    admit,
    protocol: socket.protocol,
    send: (text) =>
      new Promise((resolve) => {
        if (socket.readyState !== socket.OPEN) return resolve();
        socket.send(text, () => resolve()); // where it failed, `close` follows
      }),
    close: (code, reason) => socket.close(code, reason),
    onMessage(receive) {
      socket.on('message', (data: Buffer) => {
        if (socket.readyState !== socket.OPEN) return;
        const text = data.toString();
        receive(text).catch((error: unknown) => {
          if (socket.readyState !== socket.OPEN) return;
          if (isOfServers(text)) return socket.close(CloseCode.BadRequest, 'Invalid message received');
          log.error({ err: error }, 'a WebSocket message failed');
          socket.close(CloseCode.InternalServerError, 'Internal server error');
        });
      });
    },
  };
}

function isOfServers(text: string): boolean {
  const message: unknown = JSON.parse(text);
  return isObject(message) && OF_SERVERS.includes(message['type']);
}
