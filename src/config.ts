import { isIP } from 'node:net';
import { z } from 'zod';

/** The environment, read once at start; nothing else in src reads process.env. `.env.example` documents each name. */
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const count = (fallback: number, min = 0, max = Number.MAX_SAFE_INTEGER) => z.coerce.number().int().min(min).max(max).default(fallback);
/** What a column of bytes holds. */
const LARGEST_INTEGER = 2_147_483_647;

const list = z.string().default('').transform((text) => text.split(',').map((item) => item.trim()).filter(Boolean));

/** An address, a network, or a name that Fastify knows networks by. */
function isNetwork(text: string): boolean {
  const [address = '', bits] = text.split('/');
  const version = isIP(address);
  if (bits === undefined) return version > 0 || ['loopback', 'linklocal', 'uniquelocal'].includes(text);
  return version > 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

const Environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3001),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'expected postgres://user:password@host:port/database' }).optional(),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\/\S+$/, 'expected redis://host:port, or a comma-separated list of them for a Redis Cluster')
    .optional(),
  SENTRIAL_DATA_DIR: z.string().min(1).default('./data'),
  SENTRIAL_BOOTSTRAP_API_KEY: z.string().min(16, 'expected at least 16 characters').max(200).regex(/^\S+$/, 'expected no space in it: a key is sent as one word').optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  MAX_BODY_BYTES: count(16 * 1024 * 1024, 1024),
  MAX_QUEUE_BYTES: count(64 * 1024 * 1024, 1024),
  MAX_EVENT_BYTES: count(16 * 1024 * 1024, 1024, LARGEST_INTEGER),
  MAX_SESSION_BYTES: count(16 * 1024 * 1024, 1024, LARGEST_INTEGER),
  MAX_METADATA_BYTES: count(1024 * 1024, 1024, LARGEST_INTEGER),
  MAX_ANSWER_BYTES: count(16 * 1024 * 1024, 1024, LARGEST_INTEGER),
  RATE_LIMIT_PER_MINUTE: count(0),
  DATABASE_POOL_SIZE: count(10, 1),
  DATABASE_ANALYTICS_POOL_SIZE: count(2, 1),
  GRAPHQL_INTROSPECTION: flag.optional(),
  ALLOWED_ORIGINS: list,
  TRUST_PROXY: list.refine((proxies) => proxies.every(isNetwork), 'expected IP addresses, networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal, separated by commas'),
  SENTRIAL_API_URL: z.url({ protocol: /^https?$/, error: 'expected http://host:port' }).optional(),
  SENTRIAL_API_KEY: z.string().optional(),
});

/** What may be stored, and given out at once; all in bytes as they are read back. */
export type Limits = {
  /** One event. */
  eventBytes: number;
  /** One session, without its events. */
  sessionBytes: number;
  /** A session's merged metadata; its merged customMetrics as well. */
  metadataBytes: number;
  /** One answer, one page, one read of the log. */
  answerBytes: number;
};

export type Config = {
  port: number;
  host: string;
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  dataDir: string;
  bootstrapApiKey: string | undefined;
  logLevel: string;
  /** Longest request body, in bytes. */
  maxBodyBytes: number;
  /** How much accepted but not yet committed input may wait in memory, in bytes. */
  maxQueueBytes: number;
  limits: Limits;
  /** Requests a key may make in a minute; 0 is no limit. */
  rateLimitPerMinute: number;
  databasePoolSize: number;
  /** How many searches and statistics run at once. */
  databaseAnalyticsPoolSize: number;
  /** GraphiQL and schema introspection. */
  introspection: boolean;
  /** Origins of browser pages, beside the server's own, whose requests may use the key in the cookie, and which may log in and out. */
  allowedOrigins: readonly string[];
  /** Proxies whose X-Forwarded-For says who asks. */
  trustProxy: readonly string[];
  /** Where `npm run keys` finds a running server; not read by the server. */
  apiUrl: string;
  /** The key with which it asks that server. */
  apiKey: string | undefined;
};

export class ConfigError extends Error {
  constructor(faults: readonly string[]) {
    super(`The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Throws a ConfigError that lists every fault at once. An empty variable counts as not set. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (given['REDIS_URL'] && !given['DATABASE_URL']) {
    faults.push('REDIS_URL: set without DATABASE_URL. Redis connects several servers that share one PostgreSQL; name it too, or drop REDIS_URL');
  }
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  const e = parsed.data;
  return {
    port: e.PORT,
    host: e.HOST,
    databaseUrl: e.DATABASE_URL,
    redisUrl: e.REDIS_URL,
    dataDir: e.SENTRIAL_DATA_DIR,
    bootstrapApiKey: e.SENTRIAL_BOOTSTRAP_API_KEY,
    logLevel: e.LOG_LEVEL,
    maxBodyBytes: e.MAX_BODY_BYTES,
    maxQueueBytes: e.MAX_QUEUE_BYTES,
    limits: { eventBytes: e.MAX_EVENT_BYTES, sessionBytes: e.MAX_SESSION_BYTES, metadataBytes: e.MAX_METADATA_BYTES, answerBytes: e.MAX_ANSWER_BYTES },
    rateLimitPerMinute: e.RATE_LIMIT_PER_MINUTE,
    databasePoolSize: e.DATABASE_POOL_SIZE,
    databaseAnalyticsPoolSize: e.DATABASE_ANALYTICS_POOL_SIZE,
    introspection: e.GRAPHQL_INTROSPECTION ?? e.DATABASE_URL === undefined,
    allowedOrigins: e.ALLOWED_ORIGINS,
    trustProxy: e.TRUST_PROXY,
    apiUrl: (e.SENTRIAL_API_URL ?? `http://${reachable(e.HOST)}:${e.PORT}`).replace(/\/+$/, ''),
    apiKey: e.SENTRIAL_API_KEY,
  };
}

/** The host to connect to where a server listens on `host`: "every address" is none to connect to, and IPv6 needs brackets. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** The only place that reads process.env. */
export const configFromProcess = () => readConfig(process.env);
