import { systemClock } from './clock.ts';
import { SentrialError, consoleReporter, withoutErrors } from './errors.ts';
import { FileSpool } from './file-spool.ts';
import { environment, nodeProcess } from './node.ts';
import type { BatchingConfig, Clock, PiiConfig, SentrialClientConfig, Spool } from './types.ts';

/** The configuration with every default in its place. */
export type Settings = {
  apiKey: string;
  apiUrl: string;
  projectId: string | undefined;
  timeout: number;
  maxRetries: number;
  failSilently: boolean;
  /** Whether methods resolve only when the server has answered. */
  waits: boolean;
  batching: Required<BatchingConfig>;
  pii: PiiConfig | undefined;
  spool: Spool | undefined;
  flushOnExit: boolean;
  fetch: typeof fetch;
  webSocket: typeof WebSocket | undefined;
  clock: Clock;
  onError: (error: Error) => void;
};

const MIB = 1024 * 1024;
const BATCHING: Required<BatchingConfig> = { maxEvents: 500, maxBytes: MIB, intervalMs: 50, maxQueueBytes: 32 * MIB };
/** What the server takes in one request. */
const LARGEST_BATCH = 1_000;

/** Fills in environment and defaults. What is missing or wrong is told to `onError`, not thrown. */
export function settingsOf(config: SentrialClientConfig): Settings {
  const clock = config.clock ?? systemClock;
  const onError = withoutErrors(config.onError ?? consoleReporter(() => clock.now()));
  const apiKey = config.apiKey ?? environment('SENTRIAL_API_KEY') ?? '';
  const apiUrl = (config.apiUrl ?? environment('SENTRIAL_API_URL') ?? 'http://localhost:3001').replace(/\/+$/, '');
  if (apiKey === '') onError(new SentrialError('USAGE', 'There is no API key: give apiKey, or set SENTRIAL_API_KEY'));
  const failSilently = config.failSilently ?? true;
  const { maxEvents, maxBytes, intervalMs, maxQueueBytes } = typeof config.batching === 'object' ? config.batching : {};
  const waits = !failSilently || config.batching === false;
  return {
    apiKey,
    apiUrl,
    projectId: config.projectId ?? environment('SENTRIAL_PROJECT_ID'),
    timeout: atLeast(0, config.timeout, 30_000),
    maxRetries: atLeast(0, config.maxRetries, 3),
    failSilently,
    waits,
    batching: {
      maxEvents: Math.min(LARGEST_BATCH, atLeast(1, maxEvents, BATCHING.maxEvents)),
      maxBytes: atLeast(1, maxBytes, BATCHING.maxBytes),
      intervalMs: waits ? 0 : atLeast(0, intervalMs, BATCHING.intervalMs),
      maxQueueBytes: atLeast(0, maxQueueBytes, BATCHING.maxQueueBytes),
    },
    pii: piiOf(config.pii),
    spool: spoolOf(config.spool, `${apiUrl}\n${apiKey}`),
    flushOnExit: config.flushOnExit ?? true,
    fetch: config.fetch ?? ((input, init) => fetch(input, init)),
    webSocket: config.webSocket,
    clock,
    onError,
  };
}

/** The figure; the default where there is none, or it is not a number, as `Number(undefined)` is not. */
function atLeast(least: number, given: number | undefined, otherwise: number): number {
  return typeof given !== 'number' || Number.isNaN(given) ? otherwise : Math.max(least, given);
}

function piiOf(pii: boolean | PiiConfig | undefined): PiiConfig | undefined {
  if (pii === true) return {};
  return typeof pii === 'object' && pii.enabled !== false ? pii : undefined;
}

function spoolOf(spool: SentrialClientConfig['spool'], destination: string): Spool | undefined {
  if (spool === false) return undefined;
  if (typeof spool === 'object' && 'append' in spool) return spool;
  if (!nodeProcess) return undefined;
  const folder = environment('SENTRIAL_SPOOL_DIR');
  return new FileSpool(destination, { ...(folder !== undefined && { folder }), ...(typeof spool === 'object' && spool) });
}
