import type { IncomingHttpHeaders } from 'node:http';
import { errors, interactionPolicy } from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { hashSecret } from '../../common/id.js';
import type { ShownSignIn } from '../../sign-ins/sign-in-cookies.js';
import { isReachableAcr, scopesOf } from '../protocol/openid.js';

type Session = KoaContextWithOIDC['oidc']['session'];

/** How a client asks for one of several `acr` (OpenID Connect Core 1.0, section 5.5.1.1). */
interface EssentialAcr {
  essential?: boolean;
  value?: unknown;
  values?: unknown[];
}

/**
 * Decides when a user must sign in and agree. It adds to the engine's own policy: a user whose account was blocked or
 * deleted meanwhile must sign in again, since the engine could not go on; a client can ask for a choice of accounts
 * (`prompt=select_account`); and nobody is signed in at an application that was told to expect somebody else by the ID
 * in `login_hint` without being asked. Each page is bound to the browser that `read` identifies.
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
  chooses.checks.add(
    new Check('login_hint', 'the End-User of login_hint is not signed in', 'login_required', ({ oidc }) => {
      const { login_hint: hint, scope } = oidc.params as { login_hint?: string; scope?: string };
      const isOther = oidc.account && isAccountId(hint) && hint !== oidc.session?.accountId;
      const isAnswered = oidc.result?.select_account !== undefined;
      return isOther && !isAnswered && scopesOf(scope ?? '').includes('openid')
        ? Check.REQUEST_PROMPT
        : Check.NO_NEED_TO_PROMPT;
    }),
  );
  policy.add(chooses, 0);
  const isGone = new Check('account_gone', 'End-User authentication is required', 'login_required', ({ oidc }) => {
    if (!oidc.session?.accountId || oidc.account) return Check.NO_NEED_TO_PROMPT;
    forget(oidc.session);
    return Check.REQUEST_PROMPT;
  });
  // It must run before the other checks, which read the session too.
  policy.get('login')!.checks.add(isGone, 0);
  policy.get('login')!.checks.add(
    new Check('acr_out_of_reach', 'no sign-in reaches the requested ACR', ({ oidc }) => {
      const { essential, value, values } = (oidc.claims.id_token?.acr ?? {}) as EssentialAcr;
      const asked = [value, values].flat().filter((acr) => acr !== undefined);
      // Otherwise the page for signing in would come again after each sign-in.
      if (essential && asked.length > 0 && !asked.includes(oidc.acr) && !asked.some(isReachableAcr))
        throw new errors.CustomOIDCProviderError('unmet_authentication_requirements', 'no sign-in reaches this acr');
      return Check.NO_NEED_TO_PROMPT;
    }),
    1,
  );
  for (const prompt of policy) {
    const details = prompt.details.bind(prompt);
    prompt.details = async (ctx) => ({ ...(await details(ctx)), browser: hashSecret(read(ctx.req.headers).browser!) });
  }
  return policy;
}

/** Whether a hint has the form of an account's ID. Other hints, such as e-mail addresses, only fill in the form. */
function isAccountId(hint: string | undefined): boolean {
  return hint !== undefined && /^[\w-]{22}$/.test(hint);
}

/**
 * Empties a session, so that whoever signs in next takes over nothing. As long as it names an account, nobody else
 * could sign in.
 */
function forget(session: NonNullable<Session>): void {
  delete session.accountId;
  // The engine stores the session only if a property is set.
  session.authorizations = {};
}
