import { randomUUID } from 'node:crypto';

/**
 * A JSON value as its text. Payloads pass from the database into answers without being parsed and written again: as
 * objects they take up to 25 times as much memory as their text, and seconds of the thread that serves everybody.
 */
export class JsonText {
  readonly text: string;
  #bytes: number | undefined;
  #value: { parsed: unknown } | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The text of a value that is at hand, written once however often it is asked for. */
  static of(value: object): JsonText {
    if (value instanceof JsonText) return value;
    let text = written.get(value);
    if (!text) written.set(value, (text = new JsonText(JSON.stringify(value))));
    return text;
  }

  /** In UTF-8. */
  get bytes(): number {
    return (this.#bytes ??= Buffer.byteLength(this.text));
  }

  get value(): unknown {
    this.#value ??= { parsed: JSON.parse(this.text) };
    return this.#value.parsed;
  }

  /** Whatever else writes JSON gets the value; `stringify` below gets a mark, in whose place it puts the text. */
  toJSON(): unknown {
    return marked ? `${MARK}${marked.push(this)}` : this.value;
  }
}

const written = new WeakMap<object, JsonText>();

/** What a payload says, whether it is at hand or text. */
export const plain = (value: unknown): unknown => (value instanceof JsonText ? value.value : value);

/** Stands for a text while JSON.stringify writes what is around it. No client knows it, so none can send it. */
const MARK = `${randomUUID()}:`;
let marked: JsonText[] | undefined;

/** As JSON.stringify, with each JsonText as it is. */
export function stringify(value: unknown): string {
  const texts: JsonText[] = [];
  marked = texts;
  let json: string;
  try {
    json = JSON.stringify(value);
  } finally {
    marked = undefined;
  }
  if (texts.length === 0) return json;
  const parts: string[] = [];
  let at = 0;
  texts.forEach(({ text }, i) => {
    const mark = `"${MARK}${i + 1}"`;
    const found = json.indexOf(mark, at);
    parts.push(json.slice(at, found), text);
    at = found + mark.length;
  });
  parts.push(json.slice(at));
  return parts.join('');
}
