import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Changes } from './changes.ts';

const KEPT = 5_000;
const SHOWN = 20;

/** What a child process writes on its two streams, line by line, each as `read` makes it. */
export class Lines<Line> {
  /** Oldest first; the newest 5,000. */
  readonly all: Line[] = [];
  readonly #changes = new Changes();
  readonly #child: ChildProcess;
  #last: string[] = [];
  #closed = false;

  constructor(child: ChildProcess, read: (text: string) => Line) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (text) => {
        if (this.all.push(read(text)) > KEPT) this.all.shift();
        this.#last = [...this.#last, text].slice(-SHOWN);
        this.#changes.tell();
      });
    }
    child.once('close', () => {
      this.#closed = true;
      this.#changes.tell();
    });
  }

  /** Resolves with the first line, past or coming, that `accepts`; rejects when the child ends without one, or after `within` ms. */
  async first(accepts: (line: Line) => boolean, within = 30_000): Promise<Line> {
    const found = await this.#changes.when(() => {
      const line = this.all.find(accepts);
      if (line === undefined && !this.#closed) throw new Error(`It has written:\n${this.tail()}`);
      return line;
    }, within);
    if (found === undefined) throw new Error(`The server ended (${this.#child.signalCode ?? this.#child.exitCode}) and had written:\n${this.tail()}`);
    return found;
  }

  /** Resolves when `look`, at all lines so far, no longer throws. */
  when(look: () => void): Promise<void> {
    return this.#changes.when(look);
  }

  /** The newest 20 lines as they were written. */
  tail(): string {
    return this.#last.join('\n');
  }
}
