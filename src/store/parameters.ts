import { badInput } from '../errors.ts';

/** Collects the parameters of a statement while its text is put together. */
export type Parameters = { readonly values: unknown[]; bind: (value: unknown) => string };

export function parameters(before = 0): Parameters {
  const values: unknown[] = [];
  return {
    values,
    bind: (value) => {
      if (typeof value === 'string' && value.includes('\0')) throw badInput('A name or ID holds U+0000, which cannot be stored');
      return `$${before + values.push(value)}`;
    },
  };
}
