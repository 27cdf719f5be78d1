import { hashSecret } from '../../common/id.js';

/** What names of delegated sessions begin with. Those of sign-in sessions have no dot. */
const PREFIX = 'login.';

/** The engine's name (`uid`) for the delegated session with this handle. */
export function nameOf({ id }: { id: string }): string {
  return PREFIX + id;
}

/** The handle of the delegated session with this name, or `null` if it is another session's name. */
export function handleOf(name: string | undefined): string | null {
  return name?.startsWith(PREFIX) ? name.slice(PREFIX.length) : null;
}

/**
 * What the engine keeps of an application in a session. A delegated session has one grant for each application, whose
 * identifier follows from both, so that requests at the same moment agree.
 */
export function authorizationIn(handle: string, clientId: string): { sid: string; grantId: string } {
  return { sid: handle, grantId: hashSecret(`Grant ${handle} ${clientId}`) };
}
