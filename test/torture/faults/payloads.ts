import { Content } from '../content.ts';
import type { Random } from '../random.ts';
import type { Fault, Lane } from './fault.ts';

const MEGABYTE = 1024 * 1024;

/** Events that a reader of the log has to survive. The API may refuse poison with a 4xx; what it accepts has to be readable. */
export const payloadLanes = (): Lane[] => [{ name: 'payloads', faults: [giantEvent, giantBatch, ...POISONS.map(poison)] }];

const giantEvent: Fault = {
  name: 'giant event',
  weight: 10,
  async inject({ writer }, random) {
    const bytes = random.size(MEGABYTE, 12 * MEGABYTE);
    const marker = writer.marker();
    const { state } = await writer.event(marker, new Content(random).event(marker, bytes / 2));
    return `an event of about ${megabytes(bytes)}: ${state}`;
  },
};

const giantBatch: Fault = {
  name: 'batch of large events',
  weight: 4,
  async inject({ writer }, random) {
    const content = new Content(random);
    const count = random.int(2, 8);
    await writer.events(Array.from({ length: count }, () => content.event(writer.marker(), MEGABYTE / 2)));
    return `a batch of ${count} events of about 1 MB`;
  },
};

const megabytes = (bytes: number) => `${(bytes / MEGABYTE).toFixed(1)} MB`;
const repeat = (text: string, count: number) => `[${Array.from({ length: count }, () => text).join(',')}]`;

type Poison = { name: string; json: (random: Random) => string };

/** JSON that weighs more when it is read back than when it came, or costs more than it weighs. */
const POISONS: Poison[] = [
  { name: 'numbers of 309 digits', json: (random) => repeat('1e308', random.size(1_000, 2_600_000)) },
  { name: 'small numbers of 308 decimals', json: (random) => repeat('1e-307', random.size(1_000, 2_000_000)) },
  { name: 'numbers beyond double', json: (random) => repeat('-1e400', random.size(10, 200_000)) },
  { name: 'long numbers', json: (random) => repeat('1234567890'.repeat(random.int(2, 40)), random.size(10, 20_000)) },
  {
    name: 'deep nesting',
    json(random) {
      const depth = random.size(50, 100_000);
      const [open, close] = random.pick([['[', ']'], ['{"a":', '}']] as const);
      return `${open.repeat(depth)}1${close.repeat(depth)}`;
    },
  },
  { name: 'many keys', json: (random) => `{${Array.from({ length: random.size(1_000, 300_000) }, (_, n) => `"k${n}":${n}`).join(',')}}` },
  { name: 'empty objects', json: (random) => repeat('{}', random.size(1_000, 4_000_000)) },
  { name: 'escapes', json: (random) => `"${'\\u0001'.repeat(random.size(1_000, 2_000_000))}"` },
  { name: 'what cannot be stored', json: (random) => `"${'\\u0000\\ud800'.repeat(random.size(10, 500_000))}"` },
  { name: 'wide characters', json: (random) => `"${'中'.repeat(random.size(1_000, 5_000_000))}"` },
];

const poison = ({ name, json }: Poison): Fault => ({
  name: `poison: ${name}`,
  weight: 1,
  async inject({ writer }, random) {
    const field = random.pick(['toolInput', 'toolOutput', 'stateBefore']);
    const text = json(random);
    const { state } = await writer.poison(field, text);
    return `${name} in ${field}, ${megabytes(text.length)}: ${state}`;
  },
});
