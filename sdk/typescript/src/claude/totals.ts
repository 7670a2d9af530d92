import { addUsage, readUsage, usageSince } from '../tracking/usage.ts';
import type { Usage } from '../tracking/usage.ts';
import { fields, isObject, number } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';

export type ModelTotals = { usage: Usage; cost: number };

/**
 * Tokens, cost and API time of one query, from its results. A result counts from the beginning of the Claude session,
 * which a resumed query does not begin; newer versions also say what came since the last result, which is exact.
 */
export class Totals {
  readonly byModel = new Map<string, ModelTotals>();
  usage: Usage | undefined;
  /** US dollars; undefined while unknown. */
  cost: number | undefined;
  apiDurationMs: number | undefined;
  turns = 0;

  /** Whether what the next result says includes runs before this one, nobody knows how much. */
  #includesEarlier: boolean;
  #lastByModel = new Map<string, ModelTotals>();
  #lastCost = 0;
  #lastApiDurationMs = 0;

  constructor(resumed: boolean) {
    this.#includesEarlier = resumed;
  }

  add(result: Fields): void {
    this.turns += number(result['num_turns']) ?? 0;
    this.#addApiDuration(number(result['duration_api_ms']));
    const since = result['model_usage_since_last_result'];
    if (isObject(since)) this.#addModels(modelTotals(since));
    else this.#addSinceLast(result);
    this.#includesEarlier = false;
  }

  #addModels(models: Map<string, ModelTotals>): void {
    for (const [model, { usage, cost }] of models) {
      const before = this.byModel.get(model);
      this.byModel.set(model, { usage: addUsage(before?.usage, usage), cost: (before?.cost ?? 0) + cost });
      this.usage = addUsage(this.usage, usage);
      this.cost = (this.cost ?? 0) + cost;
    }
  }

  #addSinceLast(result: Fields): void {
    const models = modelTotals(result['modelUsage']);
    const cost = number(result['total_cost_usd']);
    const turn = readUsage(result['usage']);
    if (!this.#includesEarlier && models.size > 0) {
      for (const [model, now] of models) {
        const usage = usageSince(this.#lastByModel.get(model)?.usage, now.usage);
        this.byModel.set(model, { usage: addUsage(this.byModel.get(model)?.usage, usage), cost: (this.byModel.get(model)?.cost ?? 0) + since(this.#lastByModel.get(model)?.cost ?? 0, now.cost) });
        this.usage = addUsage(this.usage, usage);
      }
    } else if (turn) {
      this.usage = addUsage(this.usage, turn);
    }
    if (!this.#includesEarlier && cost !== undefined) this.cost = (this.cost ?? 0) + since(this.#lastCost, cost);
    this.#lastByModel = models;
    this.#lastCost = cost ?? this.#lastCost;
  }

  #addApiDuration(now: number | undefined): void {
    if (now === undefined) return;
    if (!this.#includesEarlier) this.apiDurationMs = (this.apiDurationMs ?? 0) + since(this.#lastApiDurationMs, now);
    this.#lastApiDurationMs = now;
  }
}

/** A count that only grows began anew where it is smaller than before. */
const since = (before: number, now: number) => (now >= before ? now - before : now);

function modelTotals(modelUsage: unknown): Map<string, ModelTotals> {
  const models = new Map<string, ModelTotals>();
  for (const [model, said] of Object.entries(fields(modelUsage))) {
    const usage = readUsage(said);
    if (usage) models.set(model, { usage, cost: number(fields(said)['costUSD']) ?? 0 });
  }
  return models;
}
