import { newEventId } from '../ids.ts';
import type { Run } from '../tracking/run.ts';
import type { ModelRequest } from '../tracking/model-call.ts';
import type { ToolRequest } from './messages.ts';

type Common = {
  id: string;
  parentId: string | undefined;
  root: Root;
  name: string;
  startedAt: number;
};

/** A run that LangChain told of, until it ends. Those that become an event know its id from the start. */
export type RunNode =
  | (Common & { kind: 'chain'; inputs: unknown })
  | (Common & { kind: 'model'; eventId: string; request: ModelRequest; firstTokenMs?: number; offered: string[] })
  | (Common & { kind: 'tool'; eventId: string; input: unknown; toolCallId: string | undefined })
  | (Common & { kind: 'retriever'; eventId: string; input: unknown });

/** A run without a parent, and what is known about it as a whole. */
export type Root = {
  id: string;
  run: Run;
  /** Of all runs below it that go on. */
  runIds: Set<string>;
  /** Tools that models asked for and that have not been recorded, by the id of the call. */
  requested: Map<string, ToolRequest & { reasoning?: string | undefined; parentEventId: string | undefined }>;
  /** What an agent that decides by text thought before its next tool. */
  thought?: string | undefined;
  /** Whether a graph paused in it, to be resumed by another run. */
  interrupted?: boolean;
  /** The error that was recorded last. The runs above it end with the same one. */
  error?: unknown;
};

/** How many may go on at once; beyond it the oldest are forgotten, since a program that gave up tells no end. */
const MOST_RUNS = 10_000;

/** The runs that go on. */
export class Runs {
  readonly #open = new Map<string, RunNode>();

  get(id: string | undefined): RunNode | undefined {
    return id === undefined ? undefined : this.#open.get(id);
  }

  add(node: RunNode): void {
    this.#open.set(node.id, node);
    node.root.runIds.add(node.id);
    if (this.#open.size > MOST_RUNS) for (const oldest of this.#open.keys()) return void this.end(oldest);
  }

  /** Takes a run out. With a root goes all that is below it. */
  end(id: string): RunNode | undefined {
    const node = this.#open.get(id);
    if (!node) return undefined;
    this.#open.delete(id);
    node.root.runIds.delete(id);
    if (node.root.id === id) for (const below of node.root.runIds) this.#open.delete(below);
    return node;
  }

  /** The id of the event that a run below `parentId` belongs to: that of the nearest run above it that is one. */
  parentEvent(parentId: string | undefined): string | undefined {
    for (let node = this.get(parentId); node; node = this.get(node.parentId)) if ('eventId' in node) return node.eventId;
    return undefined;
  }
}

export const eventOf = () => ({ eventId: newEventId(), startedAt: performance.now() });
