import { Agent, request } from 'node:http';

export type Reply = { status: number; body: Record<string, unknown>; ms: number };
export type Sending = { method: 'GET' | 'POST' | 'PATCH'; path: string; key: string; body?: string; idempotencyKey?: string };

/** A client gives up on an answer after this long, in milliseconds. */
const PATIENCE_MS = 25_000;

/** Requests over connections that are kept and used again, as SDKs do. */
export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true });

  /** One try; undefined where no whole answer came. */
  send(url: string, { method, path, key, body, idempotencyKey }: Sending): Promise<Reply | undefined> {
    const began = Date.now();
    return new Promise((resolve) => {
      const headers = {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      };
      const sent = request(url + path, { method, agent: this.#agent, headers, signal: AbortSignal.timeout(PATIENCE_MS) }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve(undefined));
        response.on('end', () => {
          if (!response.complete) return resolve(undefined);
          resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString()), ms: Date.now() - began });
        });
      });
      sent.on('error', () => resolve(undefined));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { text };
  }
}
