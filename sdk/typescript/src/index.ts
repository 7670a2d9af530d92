export { SentrialClient } from './client.ts';
export { begin, configure, defaultClient } from './default-client.ts';
export { SentrialError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export { newEventId, newSessionId } from './ids.ts';
export type { Interaction } from './interaction.ts';
export type { OnSettled, Recorder } from './recorder.ts';
export type * from './types.ts';
