import { interactionPolicy } from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';

type Session = KoaContextWithOIDC['oidc']['session'];

/**
 * When a user is asked to sign in and to agree: as the engine does by itself, and also where the account that is signed
 * in was blocked or deleted meanwhile, without which the engine could not go on.
 */
export function signInPolicy(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const { Check } = interactionPolicy;
  const isGone = new Check('account_gone', 'End-User authentication is required', 'login_required', ({ oidc }) => {
    if (!oidc.session?.accountId || oidc.account) return Check.NO_NEED_TO_PROMPT;
    forget(oidc.session);
    return Check.REQUEST_PROMPT;
  });
  // Before the others, which look at the session too.
  policy.get('login')!.checks.add(isGone, 0);
  return policy;
}

/** Whoever signs in next is somebody new, who takes over nothing. As long as it names somebody, they could not. */
function forget(session: NonNullable<Session>): void {
  delete session.accountId;
  // To set something is what makes the engine store the session.
  session.authorizations = {};
}
