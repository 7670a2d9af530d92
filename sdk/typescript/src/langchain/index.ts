export { SentrialCallbackHandler } from './handler.ts';
export type { LangChainOptions } from './handler.ts';
export type { Usage } from '../tracking/usage.ts';
