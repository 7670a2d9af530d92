import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startApp } from './support/app.ts';

// `npm run demo`, played into a real server.

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function demo(env: Record<string, string>, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'examples/demo.ts', ...args], { cwd: ROOT, env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 25_000 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
    );
  });
}

type Session = { name: string; status: string; convoId: string | null; errorCount: number; decisionCount: number; toolCallCount: number; llmCallCount: number; stateChangeCount: number; totalTokens: number; estimatedCost: number; parent: { name: string } | null };

it('plays every kind of event, a child session, a recovery and a failure, and as many sessions more as asked', async () => {
  await using app = await startApp();
  const tenant = await app.tenant();
  const access = { SENTRIAL_API_URL: app.url, SENTRIAL_API_KEY: tenant.key };
  expect(await demo(access, '--fast', '--sessions', '5')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/Done\.\n$/) as string });

  const { sessions } = await tenant.run<{ sessions: { edges: { node: Session }[] } }>(
    `{ sessions(first: 50, orderBy: { field: CREATED_AT, direction: ASC }) { edges { node { name status convoId errorCount decisionCount toolCallCount llmCallCount stateChangeCount totalTokens estimatedCost parent { name } } } } }`,
  );
  const played = sessions.edges.map(({ node }) => node);
  expect(played.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED', 'FAILED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'COMPLETED', 'FAILED']);
  const [refund, policy, followUp, failure] = played;
  expect(refund).toMatchObject({ toolCallCount: 4, decisionCount: 2, llmCallCount: 2, stateChangeCount: 1, parent: null });
  expect(refund!.errorCount).toBeGreaterThan(0);
  expect(refund!.totalTokens).toBe(1_800);
  expect(refund!.estimatedCost).toBeGreaterThan(0);
  expect(policy!.parent).toEqual({ name: refund!.name });
  expect([policy!.convoId, followUp!.convoId]).toEqual([refund!.convoId, refund!.convoId]);
  expect(failure!.errorCount).toBeGreaterThan(0);
});

it('says in one sentence what is missing', async () => {
  await using app = await startApp();
  const { url } = app;
  expect(await demo({ SENTRIAL_API_URL: url })).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^SENTRIAL_API_KEY is not set: .*\n$/) as string });
  expect(await demo({ SENTRIAL_API_URL: url, SENTRIAL_API_KEY: 'sentrial_live_wrong' }, '--fast')).toMatchObject({ code: 1, err: expect.stringMatching(/^\S+ refused createSession: Invalid or missing API key\. Set SENTRIAL_API_KEY .*\n$/) as string });
  expect(await demo({ SENTRIAL_API_URL: 'http://127.0.0.1:1', SENTRIAL_API_KEY: 'k' }, '--fast')).toMatchObject({ code: 1, err: expect.stringMatching(/^No server answers at http:\/\/127\.0\.0\.1:1: .*\n$/) as string });
  expect(await demo({}, '--sessions', 'many')).toMatchObject({ code: 1, err: expect.stringMatching(/^--sessions: "many" /) as string });
});
