import { print } from '@0no-co/graphql.web';
import type { TadaDocumentNode } from 'gql.tada';

/** What the server refused, or why it could not be asked. */
export class ApiError extends Error {
  /** As in extensions.code; NETWORK where no answer came. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
  }
}

type Answer<Data> = { data?: Data | null; errors?: { message: string; extensions?: { code?: string } }[] };

const listeners = new Set<() => void>();

/** Calls back whenever the server says that nobody is logged in. */
export function onLoggedOut(callback: () => void): () => void {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

export const loggedOut = () => listeners.forEach((listener) => listener());

/** Runs a query or mutation. Throws ApiError; a part of an answer counts as none. */
export async function request<Data, Variables>(document: TadaDocumentNode<Data, Variables>, variables: Variables, signal?: AbortSignal): Promise<Data> {
  let answer: Answer<Data>;
  try {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: print(document), variables }),
      ...(signal && { signal }),
    });
    answer = (await response.json()) as Answer<Data>;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('NETWORK', 'The server does not answer');
  }
  const [error] = answer.errors ?? [];
  if (error) {
    const code = error.extensions?.code ?? 'INTERNAL_SERVER_ERROR';
    if (code === 'UNAUTHENTICATED') loggedOut();
    throw new ApiError(code, error.message);
  }
  if (!answer.data) throw new ApiError('NETWORK', 'The server gave no answer');
  return answer.data;
}
