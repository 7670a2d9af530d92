// Agent output is untrusted: characters that hide, reorder or control what is read are shown by name instead.

// C0 and C1 controls without tab and newline; DEL; soft hyphen; bidi controls; invisible spaces and separators; tags.
const HIDDEN = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]|\uDB40[\uDC00-\uDC7F]/g;

const NAMES: Readonly<Record<number, string>> = { 0: 'NUL', 7: 'BEL', 8: 'BS', 13: 'CR', 27: 'ESC', 127: 'DEL', 0x202a: 'LRE', 0x202b: 'RLE', 0x202c: 'PDF', 0x202d: 'LRO', 0x202e: 'RLO', 0x2066: 'LRI', 0x2067: 'RLI', 0x2068: 'FSI', 0x2069: 'PDI', 0x200e: 'LRM', 0x200f: 'RLM', 0x200b: 'ZWSP', 0xfeff: 'BOM', 0xad: 'SHY' };

const nameOf = (character: string) => {
  const code = character.codePointAt(0) ?? 0;
  return NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
};

export type Piece = { text: string; hidden: boolean };

/** The text in pieces: as it is, or the name of a character that cannot be seen. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const { 0: character, index } of text.matchAll(HIDDEN)) {
    if (character === '\r' && text[index + 1] === '\n') continue;
    if (index > from) found.push({ text: text.slice(from, index), hidden: false });
    found.push({ text: nameOf(character), hidden: true });
    from = index + character.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), hidden: false });
  return found;
}

/** The same as plain text, for titles and labels: ⟦RLO⟧ stands for the character. */
export const plainly = (text: string) => pieces(text).map((piece) => (piece.hidden ? `⟦${piece.text}⟧` : piece.text)).join('');

/** Any JSON value in one line, for a row. */
export function oneLine(value: unknown, limit = 240): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.slice(0, limit).replace(/\s+/g, ' ').trim();
}
