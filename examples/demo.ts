// Plays the runs of a support desk into a running server: `npm run demo [-- --fast] [-- --sessions 20]`.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const URL_DEFAULT = 'http://localhost:3001';
const USAGE = 'Usage: npm run demo -- [--fast] [--sessions <number>]';

type Input = Record<string, unknown>;
/** The mutations that are played, with the GraphQL type of their input. */
const MUTATIONS = {
  createSession: 'CreateSessionInput',
  completeSession: 'CompleteSessionInput',
  trackToolCall: 'TrackToolCallInput',
  trackDecision: 'TrackDecisionInput',
  trackLlmCall: 'TrackLlmCallInput',
  trackStateChange: 'TrackStateChangeInput',
  trackError: 'TrackErrorInput',
} as const;
type Mutation = keyof typeof MUTATIONS;

/** What the user has to mend: said in a sentence. */
class Refusal extends Error {}

class Server {
  readonly #url: string;
  readonly #key: string;
  /** How long to wait before each step, in milliseconds, so that one can watch. */
  readonly #pause: number;

  constructor(url: string, key: string, pause: number) {
    this.#url = url.replace(/\/+$/, '');
    this.#key = key;
    this.#pause = pause;
  }

  /** Writes one object and returns its id. */
  async send(mutation: Mutation, input: Input): Promise<string> {
    // What took time is reported when it is over, as an agent would.
    if (this.#pause > 0) await delay(Math.max(this.#pause, Number(input['durationMs'] ?? 0)));
    const response = await fetch(`${this.#url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: `mutation ($input: ${MUTATIONS[mutation]}!) { ${mutation}(input: $input) { id } }`, variables: { input } }),
    }).catch(() => {
      throw new Refusal(`No server answers at ${this.#url}: start one with \`npm start\`, or set SENTRIAL_API_URL to where it listens.`);
    });
    type Answer = { data?: Record<string, { id: string } | null> | null; errors?: { message: string }[] };
    const answer = (await response.json().catch(() => ({}))) as Answer;
    const id = answer.data?.[mutation]?.id;
    if (id !== undefined) return id;
    const why = answer.errors?.[0]?.message ?? `it answered with HTTP ${response.status}`;
    throw new Refusal(`${this.#url} refused ${mutation}: ${why}. ${response.status === 401 || why.startsWith('Invalid or missing API key') ? 'Set SENTRIAL_API_KEY to a key of this server.' : ''}`.trimEnd());
  }

  /** Begins a session; `track` then reports what happens in it. */
  async begin(input: Input) {
    const id = await this.send('createSession', input);
    process.stdout.write(`  ${String(input['agentName']).padEnd(14)} ${String(input['name'])}\n`);
    return {
      id,
      track: (mutation: Mutation, event: Input) => this.send(mutation, { sessionId: id, ...event }),
      complete: (result: Input) => this.send('completeSession', { id, ...result }),
    };
  }
}

/** US dollars of a call, at prices such as a small model has. */
const costOf = (read: number, written: number) => Number(((read * 0.4 + written * 1.6) / 1_000_000).toFixed(6));

const llm = (prompt: string, response: string, [promptTokens, completionTokens]: [number, number], durationMs: number): Input => ({
  model: 'gpt-4.1-mini',
  prompt: [{ role: 'system', content: 'You are the support agent of Harbour Books. Be exact and kind.' }, { role: 'user', content: prompt }],
  response: { role: 'assistant', content: response },
  promptTokens,
  completionTokens,
  totalTokens: promptTokens + completionTokens,
  estimatedCost: costOf(promptTokens, completionTokens),
  durationMs,
});

const QUESTION = 'My order 4711 was to be here on Friday and is not. Where is it, and can I have my money back?';
const ANSWER = 'I am sorry, Ada: the carrier lost your parcel in Leipzig. I have refunded €42.90 to your card; it arrives within three days.';

/** A question with a lost parcel behind it: two tools, an error it recovers from, a child session, a refund. */
async function refund(server: Server, convoId: string) {
  const run = await server.begin({ name: 'Where is order 4711?', agentName: 'support-agent', userId: 'ada@example.com', convoId, userInput: QUESTION, metadata: { channel: 'chat', release: '2.4.1' } });
  await run.track('trackLlmCall', llm(QUESTION, '{"intent":"order_status","order":4711,"wants":"refund"}', [412, 38], 640));
  await run.track('trackDecision', {
    reasoning: 'The refund depends on where the parcel is, and only the order tells who carries it.',
    alternativesConsidered: ['Refund at once', 'Ask the customer for the tracking number', 'Look the order up'],
    chosen: 'Look the order up',
    confidence: 0.93,
  });
  await run.track('trackToolCall', { toolName: 'get_order', toolInput: { orderId: 4711 }, toolOutput: { status: 'shipped', carrier: 'DHL', tracking: 'JD0146', total: 42.9, currency: 'EUR' }, status: 'success', durationMs: 84 });
  await run.track('trackToolCall', { toolName: 'track_parcel', toolInput: { carrier: 'DHL', tracking: 'JD0146' }, status: 'error', toolError: { type: 'TimeoutError', message: 'carrier API: no answer after 5000 ms' }, durationMs: 5_002 });
  await run.track('trackError', {
    errorType: 'TimeoutError',
    errorMessage: 'carrier API: no answer after 5000 ms',
    errorStack: 'TimeoutError: carrier API: no answer after 5000 ms\n    at trackParcel (tools/carrier.ts:41:11)\n    at runTool (agent/loop.ts:88:20)',
    toolName: 'track_parcel',
    recoverable: true,
    recoveryAction: 'Try again once, with the carrier’s second endpoint',
  });
  await run.track('trackToolCall', { toolName: 'track_parcel', toolInput: { carrier: 'DHL', tracking: 'JD0146', endpoint: 'eu-2' }, toolOutput: { state: 'lost', lastSeen: 'Leipzig', at: '2025-06-12T03:14:00Z' }, status: 'success', durationMs: 412 });
  await policy(server, run.id, convoId);
  await run.track('trackDecision', {
    reasoning: 'The carrier reports the parcel lost, and the policy allows a refund of lost parcels without a return.',
    alternativesConsidered: [{ option: 'Send it again', score: 0.31 }, { option: 'Refund in full', score: 0.88 }, { option: 'Hand over to a person', score: 0.12 }],
    chosen: 'Refund in full',
    confidence: 0.88,
  });
  await run.track('trackToolCall', { toolName: 'issue_refund', toolInput: { orderId: 4711, amount: 42.9, currency: 'EUR' }, toolOutput: { refundId: 're_9F2', state: 'pending' }, status: 'success', durationMs: 231 });
  await run.track('trackStateChange', { stateBefore: { order: 'shipped', ticket: 'open' }, stateAfter: { order: 'refunded', ticket: 'solved' }, reasoning: 'The refund was accepted.' });
  await run.track('trackLlmCall', llm('Tell the customer what happened and what comes next.', ANSWER, [1_286, 64], 910));
  await run.complete({ success: true, assistantOutput: ANSWER, summary: 'Parcel lost by the carrier; refunded in full.', customMetrics: { satisfaction: 5, refundEur: 42.9 } });
}

/** The child session: another agent reads the policy for the first. */
async function policy(server: Server, parentSessionId: string, convoId: string) {
  const question = 'May a lost parcel be refunded without a return?';
  const run = await server.begin({ name: 'Read the refund policy', agentName: 'policy-agent', userId: 'ada@example.com', convoId, parentSessionId, userInput: question });
  await run.track('trackToolCall', { toolName: 'search_docs', toolInput: { query: 'refund lost parcel', top: 3 }, toolOutput: { hits: [{ id: 'policy-7', score: 0.91 }, { id: 'policy-2', score: 0.55 }] }, status: 'success', durationMs: 128 });
  await run.track('trackLlmCall', llm(question, 'Yes: §7 allows it up to €100 once the carrier has confirmed the loss.', [2_210, 27], 780));
  await run.complete({ success: true, assistantOutput: 'Yes, up to €100 (§7).', summary: 'Found §7.' });
}

/** The conversation goes on, and a small question is answered at once. */
async function followUp(server: Server, convoId: string) {
  const question = 'Thank you! Will I get an email about it?';
  const answer = 'You will: it was sent to ada@example.com just now.';
  const run = await server.begin({ name: 'Will there be an email?', agentName: 'support-agent', userId: 'ada@example.com', convoId, userInput: question });
  await run.track('trackToolCall', { toolName: 'send_email', toolInput: { template: 'refund', to: 'ada@example.com' }, toolOutput: { queued: true }, status: 'success', durationMs: 66 });
  await run.track('trackLlmCall', llm(question, answer, [1_402, 22], 520));
  await run.complete({ success: true, assistantOutput: answer, summary: 'Confirmed the email.' });
}

/** One that fails: the agent may not do what it decided on. */
async function failure(server: Server) {
  const run = await server.begin({ name: 'Fix the failing checkout test', agentName: 'coding-agent', userId: 'grace@example.com', userInput: 'checkout.spec.ts fails on main. Please fix it.', metadata: { repository: 'harbour/shop', branch: 'main' } });
  await run.track('trackToolCall', { toolName: 'run_tests', toolInput: { file: 'checkout.spec.ts' }, toolOutput: { passed: 11, failed: 1, first: 'expected 42.90, got 42.9' }, status: 'success', durationMs: 3_870 });
  await run.track('trackDecision', { reasoning: 'The price is printed without its last zero; the formatter is the one place that all callers share.', alternativesConsidered: ['Change the test', 'Change the formatter'], chosen: 'Change the formatter', confidence: 0.64, branchName: 'fix/price-format' });
  await run.track('trackToolCall', { toolName: 'push_branch', toolInput: { branch: 'fix/price-format' }, status: 'error', toolError: { type: 'PermissionError', message: 'remote: this token may not push' }, durationMs: 702, branchName: 'fix/price-format' });
  await run.track('trackError', { errorType: 'PermissionError', errorMessage: 'remote: this token may not push', toolName: 'push_branch', recoverable: false, branchName: 'fix/price-format' });
  await run.complete({ success: false, failureReason: 'The token of the agent may not push to harbour/shop.', summary: 'Found the cause; could not push the fix.' });
}

const AGENTS = ['support-agent', 'coding-agent', 'policy-agent', 'billing-agent'] as const;
const USERS = ['ada@example.com', 'grace@example.com', 'alan@example.com', 'edsger@example.com', 'barbara@example.com'] as const;
const TOPICS = ['Change of address', 'Invoice for May', 'Two copies arrived', 'Gift card balance', 'Damaged cover', 'Cannot sign in', 'Flaky login test'] as const;
const TOOLS = ['get_order', 'search_docs', 'send_email', 'get_invoice', 'run_tests'] as const;

/** So many agents work at once. */
const AT_ONCE = 8;

/** A short run, different for each number and the same for the same. */
async function variation(server: Server, number: number, batch: string) {
  const pick = <T>(list: readonly T[], step: number) => list[(number * step) % list.length] as T;
  const fails = number % 5 === 4;
  const name = pick(TOPICS, 3);
  const run = await server.begin({ name, agentName: pick(AGENTS, 1), userId: pick(USERS, 2), convoId: `${batch}-${Math.floor(number / 3)}`, userInput: `${name}, please help.` });
  for (let step = 0; step <= number % 3; step++) {
    await run.track('trackLlmCall', llm(`${name}: step ${step + 1}`, 'Next I need a tool.', [300 + 90 * number, 20 + 7 * step], 400 + 61 * step));
    const failed = fails && step === number % 3;
    await run.track('trackToolCall', { toolName: pick(TOOLS, step + 1), toolInput: { topic: name, step }, ...(failed ? { status: 'error', toolError: { type: 'ServiceError', message: 'HTTP 502' } } : { status: 'success', toolOutput: { ok: true } }), durationMs: 40 + ((number * 37) % 900) });
  }
  if (fails) await run.track('trackError', { errorType: 'ServiceError', errorMessage: 'HTTP 502', recoverable: false });
  await run.complete(fails ? { success: false, failureReason: 'A service it needs answers with HTTP 502.' } : { success: true, assistantOutput: 'Done.', summary: `${name}: solved.` });
}

function options(): { fast: boolean; sessions: number } {
  try {
    const { values } = parseArgs({ options: { fast: { type: 'boolean', default: false }, sessions: { type: 'string', default: '0' } } });
    if (!/^\d{1,5}$/.test(values.sessions)) throw new Refusal(`--sessions: "${values.sessions}" is not a number of sessions.`);
    return { fast: values.fast, sessions: Number(values.sessions) };
  } catch (error) {
    throw new Refusal(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

async function main() {
  const { fast, sessions } = options();
  const url = process.env['SENTRIAL_API_URL'] || URL_DEFAULT;
  const key = process.env['SENTRIAL_API_KEY'];
  if (!key) throw new Refusal('SENTRIAL_API_KEY is not set: set it to the key that the server printed at its first start, or to one that `npm run keys -- create --name demo --scopes sessions:write,events:write` makes.');
  const server = new Server(url, key, fast ? 0 : 600);
  const batch = `demo-${Date.now().toString(36)}`;
  process.stdout.write(`Playing into ${url}\n`);
  await refund(server, batch);
  await followUp(server, batch);
  await failure(server);
  const quick = new Server(url, key, fast ? 0 : 60);
  const lane = async (first: number) => {
    for (let number = first; number < sessions; number += AT_ONCE) await variation(quick, number, batch);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, first) => lane(first)));
  process.stdout.write('Done.\n');
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Refusal ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
