import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/config.ts';

describe('the configuration', () => {
  it('needs nothing to be set', () => {
    expect(readConfig({})).toMatchObject({ port: 3001, host: '127.0.0.1', databaseUrl: undefined, redisUrl: undefined, dataDir: './data', logLevel: 'info', rateLimitPerMinute: 0, introspection: true, allowedOrigins: [], trustProxy: [] });
  });

  it('takes an empty variable as one that is not set', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: '', REDIS_URL: '', LOG_LEVEL: '', ALLOWED_ORIGINS: '' })).toEqual(readConfig({}));
  });

  it('reads every variable', () => {
    const env = {
      PORT: '8080', HOST: '0.0.0.0', DATABASE_URL: 'postgresql://u:p@db:5432/sentrial', REDIS_URL: 'redis://r:6379', SENTRIAL_BOOTSTRAP_API_KEY: 'k'.repeat(20), LOG_LEVEL: 'debug',
      MAX_BODY_BYTES: '2048', MAX_QUEUE_BYTES: '4096', RATE_LIMIT_PER_MINUTE: '60', DATABASE_POOL_SIZE: '3', GRAPHQL_INTROSPECTION: 'true', ALLOWED_ORIGINS: 'https://a.example, https://b.example,', TRUST_PROXY: 'loopback, 10.0.0.0/8, 2001:db8::/32',
    };
    expect(readConfig(env)).toMatchObject({
      port: 8080, host: '0.0.0.0', databaseUrl: env.DATABASE_URL, redisUrl: env.REDIS_URL, bootstrapApiKey: 'k'.repeat(20), logLevel: 'debug', maxBodyBytes: 2048, maxQueueBytes: 4096,
      rateLimitPerMinute: 60, databasePoolSize: 3, introspection: true, allowedOrigins: ['https://a.example', 'https://b.example'], trustProxy: ['loopback', '10.0.0.0/8', '2001:db8::/32'],
    });
  });

  it('closes introspection where there is a PostgreSQL, unless told otherwise', () => {
    const DATABASE_URL = 'postgres://localhost/sentrial';
    expect([readConfig({ DATABASE_URL }).introspection, readConfig({ DATABASE_URL, GRAPHQL_INTROSPECTION: 'true' }).introspection, readConfig({ GRAPHQL_INTROSPECTION: 'false' }).introspection]).toEqual([false, true, false]);
  });

  it('names every fault at once', () => {
    const bad = { PORT: 'http', DATABASE_URL: 'mysql://x', REDIS_URL: 'memcached://x', SENTRIAL_BOOTSTRAP_API_KEY: 'short', LOG_LEVEL: 'loud', MAX_BODY_BYTES: '1', MAX_QUEUE_BYTES: '-1', RATE_LIMIT_PER_MINUTE: '1.5', DATABASE_POOL_SIZE: '0', GRAPHQL_INTROSPECTION: 'yes', TRUST_PROXY: '10.0.0.0/33' };
    let thrown: unknown;
    try {
      readConfig(bad);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    const { message } = thrown as ConfigError;
    expect(message).toMatch(/^The configuration has 11 faults:\n/);
    for (const name of Object.keys(bad)) expect(message).toContain(`\n  - ${name}: `);
  });

  it.each(['a key with spaces in it', ' sentrial_live_0123456789', 'sentrial_live_0123456789\n'])('refuses the bootstrap key %j, which no request could send', (key) => {
    expect(() => readConfig({ SENTRIAL_BOOTSTRAP_API_KEY: key })).toThrow(/SENTRIAL_BOOTSTRAP_API_KEY: expected no space/);
  });

  it('refuses Redis without PostgreSQL, beside any other fault', () => {
    expect(() => readConfig({ REDIS_URL: 'redis://r:6379' })).toThrow(/a fault:\n {2}- REDIS_URL: set without DATABASE_URL/);
    expect(() => readConfig({ REDIS_URL: 'redis://r:6379', PORT: '70000' })).toThrow(/2 faults/);
  });
});
