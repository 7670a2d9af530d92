/** What is done with an item: each kind is a mutation of the server. */
export type ItemKind = 'create' | 'event' | 'update' | 'complete';

const KINDS: readonly string[] = ['create', 'event', 'update', 'complete'] satisfies ItemKind[];

/** One thing to deliver. Its ids are in its text, so that it may be sent any number of times. */
export type Item = {
  readonly kind: ItemKind;
  readonly sessionId: string;
  /** The input of the mutation, as JSON. */
  text: string;
  /** Of the text, in UTF-8. */
  bytes: number;
  /** Whether `text` has been redacted, where that is wanted. */
  ready?: boolean;
  /** Whether the spool has it too. */
  isSpooled?: boolean;
  /** Made by the SDK itself: what becomes of it is nobody's concern. */
  quiet?: boolean;
  /** Called once: without an error when the server has it. */
  settle?: ((error?: Error) => void) | undefined;
};

const encoder = new TextEncoder();
const byteLength: (text: string) => number =
  typeof Buffer === 'function' ? (text) => Buffer.byteLength(text) : (text) => encoder.encode(text).length;

export const itemOf = (kind: ItemKind, sessionId: string, text: string): Item => ({ kind, sessionId, text, bytes: byteLength(text) });

/** Puts another text in the place of an item's. */
export function rewrite(item: Item, text: string): void {
  item.text = text;
  item.bytes = byteLength(text);
}

/** What an item takes in memory: engines keep a text in one byte a character, or in two where one is beyond ASCII. */
export const memoryOf = ({ text, bytes }: Item) => (bytes === text.length ? bytes : 2 * text.length);

/** As a line of the spool. */
export const lineOf = (item: Item) => `{"kind":"${item.kind}","sessionId":${JSON.stringify(item.sessionId)},"input":${item.text}${item.quiet ? ',"quiet":true' : ''}}`;

/** The item of a line; undefined where the line is torn. */
export function itemFrom(line: string): Item | undefined {
  try {
    const { kind, sessionId, input, quiet = false } = JSON.parse(line) as { kind: ItemKind; sessionId: string; input: unknown; quiet?: boolean };
    if (!KINDS.includes(kind) || typeof sessionId !== 'string' || typeof input !== 'object' || input === null) return undefined;
    return { ...itemOf(kind, sessionId, JSON.stringify(input)), ready: true, isSpooled: true, quiet };
  } catch {
    return undefined;
  }
}
