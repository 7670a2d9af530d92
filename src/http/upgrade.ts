import type { FastifyReply, FastifyRequest } from 'fastify';
import { badInput, noWebSocket, oldWebSocket } from '../errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A WebSocket may be opened here. */
    websocket?: boolean;
  }
}

/** Throws where a request must not become a WebSocket; @fastify/websocket upgrades any route, and ws speaks version 8 too. */
export function assertUpgrade(request: FastifyRequest, reply: FastifyReply): void {
  const { upgrade = '', 'sec-websocket-version': version } = request.headers;
  if (upgrade.toLowerCase() !== 'websocket') throw badInput(`Upgrade: expected websocket, got "${upgrade.slice(0, 40)}". This server speaks HTTP/1.1`);
  if (!request.routeOptions.config.websocket) throw noWebSocket();
  if (version === '13') return;
  reply.headers({ upgrade: 'websocket', 'sec-websocket-version': '13' });
  throw oldWebSocket();
}
