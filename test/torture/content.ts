import { createHash } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';
import type { Random } from './random.ts';

// What writers send, and how it is recognised in the table and in a delivery.

export type Fields = Record<string, unknown>;

/** The content of an event, as REST and GraphQL both take it and give it back. */
export const CONTENT = [
  'eventType', 'toolName', 'toolInput', 'toolOutput', 'toolError', 'reasoning', 'alternativesConsidered', 'chosen', 'confidence', 'model', 'prompt', 'response',
  'promptTokens', 'completionTokens', 'totalTokens', 'estimatedCost', 'durationMs', 'status', 'errorType', 'errorMessage', 'errorStack', 'recoverable', 'recoveryAction',
  'stateBefore', 'stateAfter', 'traceId', 'spanId', 'parentEventId', 'branchName', 'metadata', 'clientTimestamp',
] as const;

const NORMAL: { readonly [field: string]: (value: unknown) => unknown } = {
  eventType: (value) => String(value).toLowerCase(),
  clientTimestamp: (value) => new Date(value as string | Date).getTime(),
  estimatedCost: Number,
  durationMs: Number,
};

/** Equal where two events say the same, whatever gave them: a client, a row or a delivery. */
export function digestOf(event: Readonly<Fields>): string {
  const said = CONTENT.flatMap((field) => {
    const value = event[field];
    return value === null || value === undefined ? [] : [[field, NORMAL[field]?.(value) ?? value] as const];
  });
  return digestOfValue(Object.fromEntries(said));
}

const NUMBER = /^-?(\d+(\.\d+)?(e[+-]?\d+)?|Infinity)$/i;

/** As digestOf, where numbers and characters that PostgreSQL cannot hold, or holds at too great a weight, may have become text. */
export const digestOfPoison = (event: Readonly<Fields>) => digestOf(asStored(event) as Fields);

function asStored(value: unknown): unknown {
  if (typeof value === 'number') return `number ${value}`;
  if (typeof value === 'string') return NUMBER.test(value) ? `number ${Number(value)}` : value.toWellFormed().replaceAll('\0', '\uFFFD');
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(asStored);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asStored(inner)]));
}

const digestOfValue = (value: unknown) => createHash('sha256').update(stringify(value) ?? '').digest('base64url').slice(0, 16);

const LETTERS = 'abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 äöüßéñ 中文字 😀🚀 "\\/\n\t<>&\'{}[]\u2028';

/** Makes text and values by a seed; long ones out of pieces, so that megabytes cost little. */
export class Content {
  readonly #random: Random;
  readonly #block: string;

  constructor(random: Random) {
    this.#random = random;
    const letters = [...LETTERS];
    this.#block = Array.from({ length: 16_384 }, () => random.pick(letters)).join('').toWellFormed();
  }

  /** About so many characters. */
  text(length: number): string {
    const pieces: string[] = [];
    for (let left = Math.ceil(length); left > 0; ) {
      const from = this.#random.int(0, this.#block.length - 64);
      const piece = this.#block.slice(from, from + Math.min(left, this.#random.int(1_000, 8_000)));
      pieces.push(piece);
      left -= piece.length;
    }
    return pieces.join('').toWellFormed().replaceAll('\uFFFD', '?'); // a pair that was cut in two
  }

  json(length: number): unknown {
    const random = this.#random;
    return {
      text: this.text(length),
      list: Array.from({ length: random.int(0, 5) }, () => random.int(-1e9, 1e9) / 1000),
      flags: { [this.text(random.int(1, 12))]: random.chance(0.5), none: null },
    };
  }

  /** An event of any kind that carries the marker; its larger fields are about `length` characters. */
  event(marker: string, length = this.#random.size(20, 8_000)): Fields {
    const random = this.#random;
    const metadata = { marker, n: random.int(0, 1_000) };
    const common = {
      metadata,
      ...(random.chance(0.3) && { durationMs: random.int(0, 60_000) / 4 }),
      ...(random.chance(0.3) && { estimatedCost: random.int(0, 99_999) / 100_000 }),
      ...(random.chance(0.2) && { traceId: this.text(16), spanId: this.text(8) }),
      ...(random.chance(0.3) && { clientTimestamp: new Date(1_700_000_000_000 + random.int(0, 1e9)).toISOString() }),
    };
    switch (random.int(0, 4)) {
      case 0:
        return { eventType: 'llm_decision', ...common, reasoning: this.text(length), alternativesConsidered: [this.json(20), 'none'], chosen: this.text(20), confidence: random.int(0, 100) / 100 };
      case 1:
        return { eventType: 'llm_call', ...common, model: 'a-model', prompt: [{ role: 'user', content: this.text(length) }], response: this.json(length >> 2), promptTokens: random.int(0, 9_999), completionTokens: random.int(0, 9_999) };
      case 2:
        return { eventType: 'state_change', ...common, stateBefore: this.json(length >> 1), stateAfter: this.json(length >> 1) };
      case 3:
        return { eventType: 'error', ...common, errorMessage: this.text(length), errorType: 'TestError', recoverable: random.chance(0.5), recoveryAction: this.text(30) };
      default:
        return { eventType: 'tool_call', ...common, toolName: `tool-${random.int(1, 9)}`, toolInput: this.json(length), ...(random.chance(0.7) ? { toolOutput: this.text(length >> 1) } : { toolError: { message: this.text(20) } }) };
    }
  }

  session(marker: string, length = this.#random.size(10, 500)): Fields {
    return { name: marker, agentName: `agent-${this.#random.int(1, 5)}`, userId: 'user', userInput: this.text(length), metadata: { marker } };
  }
}
