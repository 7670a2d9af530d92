import { SentrialClient } from './client.ts';
import type { Interaction } from './interaction.ts';
import type { BeginParams, SentrialClientConfig } from './types.ts';

let client: SentrialClient | undefined;

/** Sets up the client that `begin` and `defaultClient` use; the one before it is closed in the background. */
export function configure(config: SentrialClientConfig = {}): SentrialClient {
  void client?.close();
  client = new SentrialClient(config);
  return client;
}

/** The one that `configure` set up; made of the environment otherwise. */
export const defaultClient = (): SentrialClient => (client ??= new SentrialClient());

/** Begins an interaction on the default client. */
export const begin = (params: BeginParams): Interaction => defaultClient().begin(params);
