import { hmac } from '@noble/hashes/hmac';
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import { SentrialError, asError } from './errors.ts';
import type { Item } from './item.ts';
import type { PiiConfig, PiiField } from './types.ts';

/** Replaces what is personal in a text. */
type Replace = (text: string) => string;
/** Only texts with `mark` in them are searched. */
type Detector = { label: string; pattern: RegExp; mark?: string; isReal?: (match: string) => boolean };

/** Which fields of the wire belong to a field of the configuration. */
const FIELDS: { readonly [wire: string]: PiiField } = {
  userInput: 'userInput',
  // Wrappers name a session by how the user's words begin.
  name: 'userInput',
  assistantOutput: 'assistantOutput',
  summary: 'assistantOutput',
  toolInput: 'toolInput',
  toolOutput: 'toolOutput',
  toolError: 'toolError',
  prompt: 'prompt',
  response: 'response',
  stateBefore: 'state',
  stateAfter: 'state',
  metadata: 'metadata',
  customMetrics: 'metadata',
  reasoning: 'reasoning',
  alternativesConsidered: 'reasoning',
  chosen: 'reasoning',
  failureReason: 'failureReason',
  errorMessage: 'errorMessage',
  errorStack: 'errorMessage',
  recoveryAction: 'errorMessage',
};

// Quantifiers are bounded, so that no text makes them slow.
const EMAIL: Detector = { label: 'EMAIL', mark: '@', pattern: /[\p{L}\p{N}._%+'-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[\p{L}\p{N}-]{2,63}/gu };
const CARD: Detector = { label: 'CREDIT_CARD', pattern: /(?<![\d.])[2-6](?:[ -]?\d){12,18}(?!\d)/g, isReal: passesLuhn };
const SSN: Detector = { label: 'SSN', pattern: /(?<![\d-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\d-])/g };
const IPV4: Detector = { label: 'IP_ADDRESS', mark: '.', pattern: /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]\d|\d)/g };
const IPV6: Detector = { label: 'IP_ADDRESS', mark: ':', pattern: /(?<![\w:])(?:[\da-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[\da-f]{1,4})?(?![\w:])/gi, isReal: isIPv6 };
const PHONES: Detector[] = [
  // With a country code.
  /(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){1,6}(?!\w)/g,
  // North American: 555-867-5309, (555) 867 5309, 5558675309.
  /(?<![\w.+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-]?)[2-9]\d\d[ .-]?\d{4}(?![\w-])/g,
  // With a trunk prefix: 020 7946 0958, 030/1234567.
  /(?<![\w.+-])\(?0\d{1,4}\)?[ /.-]\d{3,8}(?:[ .-]\d{2,6})?(?![\w-])/g,
].map((pattern) => ({ label: 'PHONE', pattern, isReal: (match) => digitsOf(match).length >= 7 && digitsOf(match).length <= 15 }));

/** Shorter whole numbers are counts and amounts. */
const SHORTEST_NUMBER = 1e9;

const UNREADABLE = '[REDACTED]';

/**
 * A function that redacts the text of an item: in the chosen fields every text, key and long number. It fails closed:
 * where it cannot tell, the whole field becomes `[REDACTED]`. `key` keys the hashes of mode `hash`, so that who has
 * not got it cannot try numbers out.
 */
export function createRedactor(config: PiiConfig, key: string, onError: (error: Error) => void): (item: Item) => string {
  const replace = replaceOf(config, key, onError);
  const fields = config.fields && new Set(config.fields);
  const isChosen = (wire: string) => FIELDS[wire] !== undefined && (!fields || fields.has(FIELDS[wire]));

  function redactInput(input: Record<string, unknown>): void {
    for (const name of Object.keys(input)) {
      if (!isChosen(name)) continue;
      try {
        input[name] = walk(input[name], replace);
      } catch (cause) {
        onError(new SentrialError('USAGE', `Redaction of ${name} failed, so all of it was replaced`, { cause }));
        input[name] = typeof input[name] === 'object' && !Array.isArray(input[name]) ? { redacted: UNREADABLE } : Array.isArray(input[name]) ? [UNREADABLE] : UNREADABLE;
      }
    }
  }

  return ({ kind, text }) => {
    const input = JSON.parse(text) as Record<string, unknown>;
    if (kind === 'event') for (const track of Object.values(input)) redactInput(track as Record<string, unknown>);
    else redactInput(input);
    return JSON.stringify(input);
  };
}

/** A configuration that cannot be understood fails closed too. */
function replaceOf(config: PiiConfig, key: string, onError: (error: Error) => void): Replace {
  try {
    return createReplace(config, key);
  } catch (cause) {
    onError(new SentrialError('USAGE', `The option pii cannot be used, so texts are replaced as a whole: ${asError(cause).message}`, { cause }));
    return () => UNREADABLE;
  }
}

function createReplace(config: PiiConfig, key: string): Replace {
  const { mode = 'label', emails = true, phones = true, ssns = true, creditCards = true, ipAddresses = true, custom = [] } = config;
  const detectors: Detector[] = [
    ...custom.map(({ pattern, label }) => ({ label, pattern: new RegExp(pattern.source, pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`) })),
    ...(emails ? [EMAIL] : []),
    ...(creditCards ? [CARD] : []),
    ...(ssns ? [SSN] : []),
    ...(ipAddresses ? [IPV6, IPV4] : []),
    ...(phones ? PHONES : []),
  ];
  const hash = (value: string) => bytesToHex(hmac(sha256, key, value)).slice(0, 12);
  const instead = (label: string, match: string) => (mode === 'remove' ? '' : mode === 'hash' ? `[${label}:${hash(match)}]` : `[${label}]`);
  return (text) => {
    let redacted = text;
    for (const { label, pattern, mark, isReal } of detectors) {
      if (mark !== undefined && !text.includes(mark)) continue;
      redacted = redacted.replace(pattern, (match) => (isReal && !isReal(match) ? match : instead(label, match)));
    }
    return redacted;
  };
}

function walk(value: unknown, replace: Replace): unknown {
  if (typeof value === 'string') return replace(value);
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value < SHORTEST_NUMBER) return value;
    const text = String(value);
    const redacted = replace(text);
    return redacted === text ? value : redacted;
  }
  if (Array.isArray(value)) return value.map((item) => walk(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  // fromEntries defines own properties, so "__proto__" stays a plain key.
  const entries: [string, unknown][] = [];
  const names = new Set<string>();
  for (const [name, item] of Object.entries(value)) {
    const redacted = replace(name);
    let unique = redacted;
    for (let count = 2; names.has(unique); count += 1) unique = `${redacted} ${count}`;
    names.add(unique);
    entries.push([unique, walk(item, replace)]);
  }
  return Object.fromEntries(entries);
}

const digitsOf = (text: string) => text.replace(/\D/g, '');

/** The check digit of payment cards. */
function passesLuhn(match: string): boolean {
  const digits = digitsOf(match);
  let total = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place]);
    const doubled = place % 2 === 1 ? digit * 2 : digit;
    total += doubled > 9 ? doubled - 9 : doubled;
  }
  return total % 10 === 0 && /[1-9]/.test(digits);
}

/** Eight groups, or fewer around one "::"; so that 12:34:56 is a time. */
function isIPv6(match: string): boolean {
  const halves = match.split('::');
  const groups = match.split(/::?/).filter((group) => group !== '');
  const count = groups.length + (match.includes('.') ? 1 : 0);
  return halves.length === 1 ? count === 8 : halves.length === 2 && count > 0 && count < 8;
}
