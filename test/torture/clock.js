// Preloaded into a server by test/torture/world.ts: its wall clock is off by as many milliseconds as the file
// TORTURE_CLOCK says, and steps when that changes. Timers go by another clock, as they do on a real machine.
import { readFileSync, watch } from 'node:fs';

const file = process.env.TORTURE_CLOCK;
const RealDate = Date;
let offset = 0;

function read() {
  const text = readFileSync(file, 'utf8');
  if (text !== '') offset = Number(text); // empty while it is being written
}
read();
watch(file, read).unref();

const now = () => RealDate.now() + offset;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
