import { Json } from './json.ts';

/** Sessions whose state is kept; the oldest is forgotten beyond that. */
const MOST_SESSIONS = 1_000;

/** The state before and after an event. */
export type StateAround = { before: Json | undefined; after: Json | undefined };

type State = { values: Map<string, Json>; before: Json | undefined; after: Json | undefined };

/**
 * The running state that `updateState` sets: of every session, or of one. An event carries it as `stateAfter`, and as
 * `stateBefore` what it was at the event before. Each value is turned into text once, when it is set.
 */
export class RunningState {
  readonly #all = new Map<string, Json>();
  readonly #sessions = new Map<string, State>();

  set(key: string, value: unknown, sessionId?: string): void {
    const text = Json.of(value);
    if (sessionId === undefined) {
      this.#all.set(key, text);
      for (const state of this.#sessions.values()) state.after = undefined;
      return;
    }
    const state = this.#session(sessionId);
    state.values.set(key, text);
    state.after = undefined;
  }

  /** What the next event of a session carries. */
  of(sessionId: string): StateAround {
    if (this.#all.size === 0 && !this.#sessions.has(sessionId)) return NONE;
    const state = this.#session(sessionId);
    state.after ??= Json.object(new Map([...this.#all, ...state.values]));
    const before = state.before ?? state.after;
    state.before = state.after;
    return { before, after: state.after };
  }

  forget(sessionId: string | undefined): void {
    if (sessionId !== undefined) this.#sessions.delete(sessionId);
  }

  #session(sessionId: string): State {
    let state = this.#sessions.get(sessionId);
    if (!state) {
      state = { values: new Map(), before: undefined, after: undefined };
      this.#sessions.set(sessionId, state);
      if (this.#sessions.size > MOST_SESSIONS) for (const [oldest] of this.#sessions) {
        this.#sessions.delete(oldest);
        break;
      }
    }
    return state;
  }
}

const NONE: StateAround = { before: undefined, after: undefined };
