import type { Recorder as ClientRecorder } from '../recorder.ts';

/** By its methods alone: a program may hold the client of another copy of this package, ESM or CJS. */
export type Recorder = Pick<ClientRecorder, keyof ClientRecorder>;

/** What a wrapper needs of a `SentrialClient`. */
export type TrackingClient = { readonly recorder: Recorder };

/**
 * Runs what a wrapper does for tracking; whatever goes wrong in it is reported to the client and goes no further.
 * Everything a wrapper does beside passing its caller's values on happens in here.
 */
export function attempt<Result>(client: TrackingClient, work: (recorder: Recorder) => Result): Result | undefined {
  try {
    return work(client.recorder);
  } catch (error) {
    try {
      client.recorder.report(error);
    } catch {
      // A client that cannot even be told: there is nobody left to tell.
    }
    return undefined;
  }
}
