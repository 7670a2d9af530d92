import { attempt } from './attempt.ts';
import { watched } from './iterate.ts';
import { ModelCall, runOfCall } from './model-call.ts';
import type { ModelAnswer, ModelOptions, ModelRequest } from './model-call.ts';
import { fields, isObject } from './value.ts';
import type { Fields } from './value.ts';

/** How one method of a provider's client is understood. */
export interface Operation {
  request(body: Fields): ModelRequest;
  /** What a whole answer says. */
  answer(data: Fields): ModelAnswer;
  /** Puts the pieces of a streamed answer together. */
  collect(): Collector;
}

export interface Collector {
  add(piece: Fields): void;
  /** What has come so far. */
  answer(): ModelAnswer;
}

/**
 * A view of a provider's client (they come from one generator and share a shape) on which the methods named in
 * `operations`, by their path, are tracked. Everything else is the client itself. Helpers that the library builds upon
 * those methods (`stream`, `parse`, …) run against the view, so that they are tracked as well.
 */
export function trackedClient<Client extends object>(client: Client, operations: Record<string, Operation>, options: ModelOptions): Client {
  const views = new WeakMap<object, object>();
  const view: Client = new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      // With private state, which a view has not.
      if (typeof value === 'function') return key === 'constructor' ? value : key === 'withOptions' ? withOptions(value as Method) : ((value as Method).bind(target) as unknown);
      return typeof key === 'string' ? resourceView(value, key) : value;
    },
  });
  const withOptions = (copy: Method) => (...args: unknown[]) => trackedClient(copy.apply(client, args) as Client, operations, options);

  /** A resource of the client, such as `chat.completions`, or anything else as it is. */
  function resourceView(resource: unknown, path: string): unknown {
    if (!isObject(resource) || !('_client' in resource)) return resource;
    const known = views.get(resource);
    if (known) return known;
    const methods = new Map<unknown, unknown>();
    const made: object = new Proxy(resource, {
      get(target, key) {
        if (key === '_client') return view;
        const value: unknown = Reflect.get(target, key, target);
        if (typeof key !== 'string') return value;
        const operation = typeof value === 'function' ? operations[`${path}.${key}`] : undefined;
        if (!operation) return resourceView(value, `${path}.${key}`);
        if (!methods.has(value)) methods.set(value, trackedMethod((value as Method).bind(target), operation, options));
        return methods.get(value);
      },
    });
    views.set(resource, made);
    return made;
  }
  return view;
}

type Method = (...args: unknown[]) => unknown;

function trackedMethod(method: Method, operation: Operation, options: ModelOptions): Method {
  const { client } = options;
  return (body, ...rest) => {
    const call = attempt(client, () => {
      const request = operation.request(fields(body));
      return new ModelCall(options, request, runOfCall(options, request));
    });
    if (!call) return method(body, ...rest);
    const outcome: Outcome = {
      data: (data) => void attempt(client, () => settle(client, call, operation, data)),
      error: (error) => call.failed(error),
    };
    let promise;
    try {
      promise = method(body, ...rest);
    } catch (error) {
      outcome.error(error);
      throw error;
    }
    return watchedPromise(promise as ApiPromise, outcome);
  };
}

function settle(client: ModelOptions['client'], call: ModelCall, operation: Operation, data: unknown) {
  if (isObject(data) && Symbol.asyncIterator in data) watchStream(client, call, operation.collect(), data as unknown as ApiStream);
  else call.answered(operation.answer(fields(data)));
}

type ApiStream = AsyncIterable<Fields> & { iterator?: () => AsyncIterator<Fields>; controller?: AbortController };

/** The stream object is left as it is, but for the function that all ways of reading it start from. */
function watchStream(client: ModelOptions['client'], call: ModelCall, collector: Collector, stream: ApiStream) {
  const answer = () => attempt(client, () => collector.answer()) ?? {};
  const watch = (source: AsyncIterator<Fields>) =>
    watched(source, {
      item(piece) {
        call.began();
        attempt(client, () => collector.add(piece));
      },
      end() {
        // After `controller.abort()` it ends as if nothing had happened.
        if (stream.controller?.signal.aborted) call.closed(answer());
        else call.answered(answer());
      },
      fail: (error) => call.failed(error, answer()),
      close: () => call.closed(answer()),
    });
  if (typeof stream.iterator === 'function') {
    const read = stream.iterator.bind(stream);
    stream.iterator = () => watch(read());
  } else {
    const read = stream[Symbol.asyncIterator].bind(stream);
    Object.defineProperty(stream, Symbol.asyncIterator, { value: () => watch(read()), configurable: true });
  }
}

type Outcome = { data(data: unknown): void; error(error: unknown): void };

/** The promise that the clients return: it reads the body when it is awaited, and has ways to get at the response. */
interface ApiPromise extends Promise<unknown> {
  asResponse?(): Promise<unknown>;
  withResponse?(): Promise<{ data: unknown }>;
  _thenUnwrap?(transform: (data: unknown, ...rest: unknown[]) => unknown): ApiPromise;
}

/** The same promise; what it settles with is told, when its holder reads it, and only then. */
function watchedPromise(promise: ApiPromise, outcome: Outcome): ApiPromise {
  let told = false;
  function tell(result: () => void) {
    if (!told) {
      told = true;
      result();
    }
  }
  const withData = (data: unknown) => {
    tell(() => outcome.data(data));
    return data;
  };
  const withError = (error: unknown): never => {
    tell(() => outcome.error(error));
    throw error;
  };
  let read: Promise<unknown> | undefined;
  const data = () => (read ??= promise.then(withData, withError));
  const methods: Record<string | symbol, unknown> = {
    then: (...args: Parameters<Promise<unknown>['then']>) => data().then(...args),
    catch: (...args: Parameters<Promise<unknown>['catch']>) => data().catch(...args),
    finally: (...args: Parameters<Promise<unknown>['finally']>) => data().finally(...args),
    // Who asks for the raw response reads the body without us.
    asResponse: () =>
      promise.asResponse!().then((response) => {
        tell(() => outcome.data({}));
        return response;
      }, withError),
    withResponse: () =>
      promise.withResponse!().then((result) => {
        withData(result.data);
        return result;
      }, withError),
    _thenUnwrap: (transform: (data: unknown, ...rest: unknown[]) => unknown) => watchedPromise(promise._thenUnwrap!((value, ...rest) => transform(withData(value), ...rest)), { data: () => undefined, error: (error) => tell(() => outcome.error(error)) }),
  };
  return new Proxy(promise, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return key in methods ? methods[key] : (value.bind(target) as unknown);
    },
  });
}
