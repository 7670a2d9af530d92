type Prefix = 'sess' | 'evt';

const POOL = new Uint8Array(2048);
let used = POOL.length;

/** Node 18 has no global `crypto`; an id has to be unique, not secret. */
function fillPool() {
  if (typeof crypto === 'object') crypto.getRandomValues(POOL);
  else for (let index = 0; index < POOL.length; index += 1) POOL[index] = Math.random() * 256;
  used = 0;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

let lastMs = 0;
let sequence = 0;

/** The prefix and a UUIDv7 without dashes, as the server makes them: ids made later sort later, within this process. */
function newId(prefix: Prefix): string {
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    sequence = 0;
  } else if (++sequence === 4096) {
    lastMs += 1;
    sequence = 0;
  }
  if (used + 8 > POOL.length) fillPool();
  let id = `${prefix}_${lastMs.toString(16).padStart(12, '0')}7${sequence.toString(16).padStart(3, '0')}`;
  id += HEX[(POOL[used]! & 0x3f) | 0x80]!;
  for (let index = 1; index < 8; index += 1) id += HEX[POOL[used + index]!]!;
  used += 8;
  return id;
}

/** A session id of your own, to pass as `createSession({ id })`. */
export const newSessionId = () => newId('sess');

/** An event id of your own, to pass as `id` of a track method. */
export const newEventId = () => newId('evt');
