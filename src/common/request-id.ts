import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

const ids = new WeakMap<object, string>();
const requests = new AsyncLocalStorage<object>();

/** The ID of a request, `X-Request-Id` of its answer. It is made when somebody asks for it: most requests record nothing. */
export function requestIdOf(request: object): string {
  const id = ids.get(request) ?? randomUUID();
  ids.set(request, id);
  return id;
}

/** Runs `work`, and all that it begins, as a part of the answer to `request`. */
export function asPartOf<T>(request: object, work: () => T): T {
  return requests.run(request, work);
}

/** The ID of the request that is being answered. There is none on the command line. */
export function currentRequestId(): string | null {
  const request = requests.getStore();
  return request ? requestIdOf(request) : null;
}
