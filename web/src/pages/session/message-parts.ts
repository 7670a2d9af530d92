// What goes to a model and comes from it, as messages of parts, whatever provider, framework or SDK it has its form
// from. Nothing that says something is left out: what is not known here stands as it is, in a part of its own.

type Fields = Readonly<Record<string, unknown>>;

export type Part =
  | { kind: 'text' | 'thinking'; text: string }
  /** A tool that the model asks for. */
  | { kind: 'call'; name: string; id: string | undefined; input: unknown }
  /** What a tool answered. */
  | { kind: 'result'; name: string | undefined; id: string | undefined; isError: boolean; content: unknown }
  /** What has no form that is known. */
  | { kind: 'other'; type: string | undefined; value: unknown }
  /** Fields beside those that a part tells. */
  | { kind: 'further'; value: Fields };

/** The role is missing where an answer was recorded without it. */
export type Message = { role: string | undefined; parts: readonly Part[] };

/** The messages of a payload; undefined where it is in no form that is known. */
export function messagesOf(payload: unknown): Message[] | undefined {
  const items: readonly unknown[] = Array.isArray(payload) ? payload : [payload];
  if (items.some(isMessage)) return items.map((item) => (isMessage(item) ? messageOf(item) : { role: undefined, parts: partsOf(item) }));
  const isAnswer = Array.isArray(payload) && payload.length > 0 && payload.every((item) => isFields(item) && reading(item) !== undefined);
  return isAnswer ? [{ role: undefined, parts: joined(partsOf(payload)) }] : undefined;
}

const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value);

const CALLS = ['tool_calls', 'function_call'];
const isMessage = (value: unknown): value is Fields & { role: string } => isFields(value) && typeof value['role'] === 'string' && ['content', ...CALLS].some((name) => name in value);

function messageOf({ role, ...fields }: Fields & { role: string }): Message {
  const result = fields['tool_call_id'] == null ? undefined : resultIn(fields);
  const said = result ? [result.part] : partsOf(fields['content']);
  const calls = CALLS.flatMap((name) => fields[name] ?? []).flatMap((call) => partsFrom(isFields(call) ? callIn(call) : undefined, call));
  const rest = without(result?.rest ?? without(fields, 'content'), ...CALLS, ...(fields['type'] === 'message' ? ['type'] : []));
  const parts = joined([...said, ...calls, ...furtherPart(rest)]);
  return { role, parts: parts.length > 0 ? parts : [otherPart(fields['content'] ?? null)] };
}

function partsOf(content: unknown): Part[] {
  const items: readonly unknown[] = Array.isArray(content) ? content : content == null || content === '' ? [] : [content];
  return items.flatMap((item) => (typeof item === 'string' ? { kind: 'text', text: item } : partsFrom(isFields(item) ? reading(item) : undefined, item)));
}

/** A part, and the fields that it does not tell. */
type Reading = { part: Part; rest: Fields } | undefined;

const partsFrom = (found: Reading, item: unknown): Part[] => (found ? [found.part, ...furtherPart(found.rest)] : [otherPart(item)]);

const otherPart = (value: unknown): Part => ({ kind: 'other', type: isFields(value) ? labelIn(value['type']) : undefined, value });

/** Parts by their type: of OpenAI's Chat Completions and Responses, of Anthropic, LangChain and the AI SDK. */
const READERS: ReadonlyMap<unknown, (fields: Fields) => Reading> = new Map([
  ...['text', 'input_text', 'output_text'].map((type) => [type, wordsIn('text', 'text')] as const),
  ['refusal', wordsIn('text', 'refusal')],
  ['thinking', wordsIn('thinking', 'thinking')],
  ['reasoning', reasoningIn],
  ...['tool_use', 'server_tool_use', 'function', 'function_call', 'tool_call', 'tool-call'].map((type) => [type, callIn] as const),
  ...['tool_result', 'function_call_output', 'tool-result'].map((type) => [type, resultIn] as const),
]);

const reading = ({ type, ...fields }: Fields): Reading => READERS.get(type)?.(fields);

function wordsIn(kind: 'text' | 'thinking', name: string) {
  return (fields: Fields): Reading => {
    const text = textIn(fields[name]);
    return text === undefined ? undefined : { part: { kind, text }, rest: without(fields, name) };
  };
}

function reasoningIn(fields: Fields): Reading {
  return wordsIn('thinking', 'text')(fields) ?? wordsIn('thinking', 'summary')(fields);
}

function callIn(call: Fields): Reading {
  // Chat Completions have name and arguments one level deeper.
  const { function: inner, ...outer } = call;
  const fields: Fields = isFields(inner) ? { ...outer, ...inner } : call;
  const [name, id, input] = [firstOf(fields, 'name', 'toolName'), firstOf(fields, 'call_id', 'toolCallId', 'id'), firstOf(fields, 'input', 'arguments', 'args')];
  if (typeof fields[name] !== 'string') return undefined;
  return { part: { kind: 'call', name: fields[name], id: labelIn(fields[id]), input: parsed(fields[input]) }, rest: without(fields, 'type', name, id, input) };
}

function resultIn(fields: Fields): Reading {
  const [name, id, content] = [firstOf(fields, 'name', 'toolName'), firstOf(fields, 'tool_call_id', 'tool_use_id', 'call_id', 'toolCallId'), firstOf(fields, 'content', 'output', 'result')];
  const isError = fields['is_error'] === true || fields['status'] === 'error';
  const part: Part = { kind: 'result', name: labelIn(fields[name]), id: labelIn(fields[id]), isError, content: textIn(fields[content]) ?? fields[content] ?? null };
  return { part, rest: without(fields, name, id, content, 'is_error') };
}

/** The name of the first of these fields that is there. */
const firstOf = (fields: Fields, ...names: [string, ...string[]]): string => names.find((name) => fields[name] != null) ?? names[0];

const without = (fields: Fields, ...names: readonly string[]): Fields => Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

const labelIn = (value: unknown): string | undefined => (value == null ? undefined : typeof value === 'string' ? value : JSON.stringify(value));

/** Text, or a list of nothing but texts. */
function textIn(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content) || content.length === 0) return undefined;
  const texts = content.map((part: unknown) => (isFields(part) && Object.keys(part).every((name) => name === 'type' || name === 'text') ? part['text'] : undefined));
  return texts.every((text) => typeof text === 'string') ? texts.join('\n\n') : undefined;
}

/** Arguments are often JSON within a text. */
function parsed(input: unknown): unknown {
  if (typeof input !== 'string') return input;
  try {
    const value: unknown = JSON.parse(input);
    return value !== null && typeof value === 'object' ? value : input;
  } catch {
    return input;
  }
}

/** Fields that no part tells; those that say nothing, such as `refusal: null`, are left to the raw view. */
function furtherPart(fields: Fields): Part[] {
  const value = Object.fromEntries(Object.entries(fields).filter(([, each]) => each != null && each !== '' && !(typeof each === 'object' && Object.keys(each).length === 0)));
  return Object.keys(value).length === 0 ? [] : [{ kind: 'further', value }];
}

/** Texts that follow one another as one. */
function joined(parts: readonly Part[]): Part[] {
  const found: Part[] = [];
  for (const part of parts) {
    const last = found.at(-1);
    if (part.kind === 'text' && last?.kind === 'text') found[found.length - 1] = { kind: 'text', text: `${last.text}\n\n${part.text}` };
    else found.push(part);
  }
  return found;
}
