import type { Provider } from 'oidc-provider';
import { isId } from '../../common/id.js';
import type { ShownSignIn } from '../../sign-ins/sign-in-cookies.js';

/** The sign-in session of a browser, also if it names no account. A text that can't be an identifier finds none. */
export async function findSignIn(
  { Session }: Provider,
  { session }: ShownSignIn,
): Promise<InstanceType<Provider['Session']> | undefined> {
  return session && isId(session) ? Session.find(session) : undefined;
}
