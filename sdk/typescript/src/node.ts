import type * as Fs from 'node:fs';
import type * as Os from 'node:os';
import type * as Path from 'node:path';

// The built-in modules of Node, without an import that a bundler for browsers or the edge would stumble over.

export type NodeModules = {
  fs: typeof Fs;
  os: typeof Os;
  path: typeof Path;
};

/** Undefined where the runtime is not Node (nor one that passes for it). */
export const nodeProcess: typeof process | undefined =
  typeof process === 'object' && typeof process.versions?.node === 'string' && typeof process.on === 'function' ? process : undefined;

/** At once from Node 20.16 on; before that, and where there is none, undefined. */
export function nodeModules(): NodeModules | undefined {
  if (typeof nodeProcess?.getBuiltinModule !== 'function') return undefined;
  return { fs: nodeProcess.getBuiltinModule('node:fs'), os: nodeProcess.getBuiltinModule('node:os'), path: nodeProcess.getBuiltinModule('node:path') };
}

/** For Node 18. */
export async function importNodeModules(): Promise<NodeModules> {
  const [fs, os, path] = await Promise.all(['node:fs', 'node:os', 'node:path'].map((name) => import(/* @vite-ignore */ /* webpackIgnore: true */ name) as Promise<unknown>));
  return { fs, os, path } as NodeModules;
}

/** A variable of the environment; undefined too where there is no environment, or it is empty. */
export function environment(name: string): string | undefined {
  const value = typeof process === 'object' ? process.env?.[name] : undefined;
  return value === '' ? undefined : value;
}
