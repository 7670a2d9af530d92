import { fields, list, text } from '../tracking/value.ts';
import type { Fields } from '../tracking/value.ts';

/** What else was asked: temperature and the like, of the tools only their names. */
export function parameters(body: Fields, without: readonly string[]): Fields {
  const { model: _, tools, ...rest } = body;
  const kept = Object.fromEntries(Object.entries(rest).filter(([key]) => !without.includes(key)));
  return Array.isArray(tools) ? { ...kept, tools: list(tools).map(toolName) } : kept;
}

function toolName(tool: unknown): unknown {
  const { function: definition, name, type } = fields(tool);
  return text(fields(definition)['name']) ?? text(name) ?? type;
}
