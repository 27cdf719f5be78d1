import type { IncomingHttpHeaders } from 'node:http';
import { interactionPolicy } from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { hashSecret } from '../../common/id.js';
import type { ShownSignIn } from '../../sign-ins/sign-in-cookies.js';

type Session = KoaContextWithOIDC['oidc']['session'];

/**
 * When a user is asked to sign in and to agree: as the engine does by itself, and also where the account that is signed
 * in was blocked or deleted meanwhile, without which the engine could not go on. Whoever is signed in chooses between
 * accounts if the client asks for it (`prompt=select_account`). Each page is bound to the browser that `read` knows.
 */
export function signInPolicy(read: (headers: IncomingHttpHeaders) => ShownSignIn): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const { Check, Prompt } = interactionPolicy;
  const chooses = new Prompt({ name: 'select_account', requestable: true });
  chooses.checks.clear();
  chooses.checks.add(
    new Check('account_not_chosen', 'End-User has to choose an account', ({ oidc }) => {
      const isAsked = oidc.prompts.has('select_account') && oidc.promptPending('select_account');
      return oidc.account && isAsked ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
    }),
  );
  policy.add(chooses, 0);
  const isGone = new Check('account_gone', 'End-User authentication is required', 'login_required', ({ oidc }) => {
    if (!oidc.session?.accountId || oidc.account) return Check.NO_NEED_TO_PROMPT;
    forget(oidc.session);
    return Check.REQUEST_PROMPT;
  });
  // Before the others, which look at the session too.
  policy.get('login')!.checks.add(isGone, 0);
  for (const prompt of policy) {
    const details = prompt.details.bind(prompt);
    prompt.details = async (ctx) => ({ ...(await details(ctx)), browser: hashSecret(read(ctx.req.headers).browser!) });
  }
  return policy;
}

/** Whoever signs in next is somebody new, who takes over nothing. As long as it names somebody, they could not. */
function forget(session: NonNullable<Session>): void {
  delete session.accountId;
  // To set something is what makes the engine store the session.
  session.authorizations = {};
}
