export { SentrialClient } from './client.ts';
export { newEventId, newSessionId } from './ids.ts';
export type { Interaction } from './interaction.ts';
export type { Recorder } from './recorder.ts';
export type * from './types.ts';
