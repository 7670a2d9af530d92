/** What a fault explains of a server: that it ended by itself, did not start, or did not stop in good order. */
export type Explained = 'exit' | 'start' | 'stop';

/** Which faults were on, and when: what no fault explains is a breach. */
export class Troubles {
  readonly #past: { explains: readonly Explained[]; until: number }[] = [];

  /** Until the function that it returns is called. */
  begin(...explains: Explained[]): () => void {
    const trouble = { explains, until: Infinity };
    this.#past.push(trouble);
    return () => (trouble.until = Date.now());
  }

  /** Whether a fault that explains it was on at any time since then. */
  explain(what: Explained, since: number): boolean {
    return this.#past.some(({ explains, until }) => explains.includes(what) && until >= since);
  }
}
