// Reads values that come from somebody else's library and may be anything.

export type Fields = Record<string, unknown>;

export const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
/** The value as an object; one without fields where it is none. */
export const fields = (value: unknown): Fields => (isObject(value) ? value : {});
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
export const number = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

/** The object without the fields that are undefined. */
export function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** The JSON value of a text; the text itself where it is none. */
export function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** The text in a content that is a text or a list of parts of which some have a text. */
export function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  const parts = list(content).flatMap((part) => text(part) ?? text(fields(part)['text']) ?? []);
  return parts.length > 0 ? parts.join('') : undefined;
}

/** The words of the newest message that the user sent, in messages of the usual kind. */
export function lastUserText(messages: readonly unknown[]): string | undefined {
  const mine = messages.filter((message) => fields(message)['role'] === 'user');
  return textOf(fields(mine.at(-1))['content']);
}

const NAME_LENGTH = 80;

/** The first line of a text, cut between words to what fits in a list: half an address is none that could be redacted. */
export function title(content: string): string {
  const line = content.trim().split('\n', 1)[0]!.trim();
  if (line.length <= NAME_LENGTH) return line;
  const kept = line.slice(0, NAME_LENGTH);
  const end = kept.search(/\s\S*$/);
  return end > 0 ? `${kept.slice(0, end).trimEnd()} …` : `${kept.slice(0, NAME_LENGTH - 1)}…`;
}
