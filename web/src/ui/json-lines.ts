/** A line of a JSON document as it is shown. */
export type JsonLine = {
  /** Where it stands, unique in the document: what opens and closes. */
  path: string;
  depth: number;
  name: string | undefined;
  kind: 'string' | 'number' | 'literal' | 'open' | 'closed' | 'end';
  text: string;
};

/** The lines of a value, without what stands in closed objects and lists. */
export function jsonLines(value: unknown, closed: ReadonlySet<string>): JsonLine[] {
  const lines: JsonLine[] = [];
  // By hand, not recursive: agents send what they like, and a call for each level would overflow.
  type Job = { value: unknown; name: string | undefined; path: string; depth: number } | JsonLine;
  const jobs: Job[] = [{ value, name: undefined, path: '$', depth: 0 }];
  for (let job = jobs.pop(); job; job = jobs.pop()) {
    if ('kind' in job) {
      lines.push(job);
      continue;
    }
    const { value: item, name, path, depth } = job;
    if (item === null || typeof item !== 'object') {
      const kind = typeof item === 'string' ? 'string' : typeof item === 'number' ? 'number' : 'literal';
      lines.push({ path, depth, name, kind, text: typeof item === 'string' ? item : String(item) });
      continue;
    }
    const isList = Array.isArray(item);
    const entries = isList ? item.map((each: unknown, index) => [String(index), each] as const) : Object.entries(item);
    const [opening, closing] = isList ? ['[', ']'] : ['{', '}'];
    if (entries.length === 0 || closed.has(path)) {
      lines.push({ path, depth, name, kind: 'closed', text: entries.length === 0 ? `${opening}${closing}` : `${opening} ${entries.length} ${isList ? (entries.length === 1 ? 'item' : 'items') : entries.length === 1 ? 'entry' : 'entries'} ${closing}` });
      continue;
    }
    lines.push({ path, depth, name, kind: 'open', text: opening });
    jobs.push({ path: `${path} end`, depth, name: undefined, kind: 'end', text: closing });
    for (let index = entries.length - 1; index >= 0; index--) {
      const [key, each] = entries[index]!;
      jobs.push({ value: each, name: isList ? undefined : key, path: `${path}/${key}`, depth: depth + 1 });
    }
  }
  return lines;
}

/** A long text in pieces of some lines, so that only what is seen has to be laid out. */
export function textLines(text: string): JsonLine[] {
  const LONGEST = 4_000;
  return text.split('\n').flatMap((line, index) => {
    const parts = line.length <= LONGEST ? [line] : Array.from({ length: Math.ceil(line.length / LONGEST) }, (_, part) => line.slice(part * LONGEST, (part + 1) * LONGEST));
    return parts.map((part, at): JsonLine => ({ path: `${index}.${at}`, depth: 0, name: undefined, kind: 'string', text: part }));
  });
}
