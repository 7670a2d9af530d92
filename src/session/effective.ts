import type { Session } from '../generated/prisma/client.ts';

type Totals = Pick<Session, 'promptTokens' | 'completionTokens' | 'totalTokens' | 'estimatedCost' | 'eventPromptTokens' | 'eventCompletionTokens' | 'eventTotalTokens' | 'eventCost'>;

const count = (reported: bigint | null, summed: bigint) => Number(reported ?? summed);

/** Tokens and cost of a session: what the client reported for the whole, else what its events add up to. */
export const effective = {
  promptTokens: (session: Pick<Totals, 'promptTokens' | 'eventPromptTokens'>) => count(session.promptTokens, session.eventPromptTokens),
  completionTokens: (session: Pick<Totals, 'completionTokens' | 'eventCompletionTokens'>) => count(session.completionTokens, session.eventCompletionTokens),
  totalTokens: (session: Pick<Totals, 'totalTokens' | 'eventTotalTokens' | 'promptTokens' | 'completionTokens'>) =>
    session.totalTokens === null && (session.promptTokens !== null || session.completionTokens !== null)
      ? Number((session.promptTokens ?? 0n) + (session.completionTokens ?? 0n))
      : count(session.totalTokens, session.eventTotalTokens),
  estimatedCost: (session: Pick<Totals, 'estimatedCost' | 'eventCost'>) => (session.estimatedCost ?? session.eventCost).toNumber(),
};

export const totals = (session: Totals) => ({
  promptTokens: effective.promptTokens(session),
  completionTokens: effective.completionTokens(session),
  totalTokens: effective.totalTokens(session),
  estimatedCost: effective.estimatedCost(session),
});
