import type { Model } from '../model.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';
import type { Writer } from '../writers.ts';

/** What a fault is done to and with. */
export type Scene = {
  readonly world: World;
  readonly model: Model;
  /** A client of its own, whose writes are compared like all others. */
  readonly writer: Writer;
};

/** Something that goes wrong, and is over when `inject` resolves. */
export type Fault = {
  readonly name: string;
  /** How often, beside the other faults of its lane. */
  readonly weight: number;
  /** Decides first, by the seed, whatever the world is like; returns what it did. */
  inject(scene: Scene, random: Random): Promise<string>;
};

/** Faults that come one after another, beside those of the other lanes. */
export type Lane = { readonly name: string; readonly faults: readonly Fault[] };

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
