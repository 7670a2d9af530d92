/** Within this time something that a test waits for has to happen, in milliseconds. */
const WITHIN_MS = 20_000;

/** What a test watches tells of each of its changes here; who waits for a state of it looks again then, and only then. */
export class Changes {
  readonly #looks = new Set<() => void>();

  /** To be called after every change. */
  readonly tell = (): void => this.#looks.forEach((look) => look());

  /** Resolves with what `look` returns as soon as it no longer throws; after `within` ms it rejects with what it threw last. */
  when<T>(look: () => T, within = WITHIN_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      let fault: unknown;
      const timer = setTimeout(() => done(() => reject(new Error(`Not within ${within} ms`, { cause: fault }))), within);
      const done = (settle: () => void) => {
        clearTimeout(timer);
        this.#looks.delete(attempt);
        settle();
      };
      const attempt = () => {
        try {
          const result = look();
          done(() => resolve(result));
        } catch (error) {
          fault = error;
        }
      };
      this.#looks.add(attempt);
      attempt();
    });
  }
}
