import type { ReactNode } from 'react';
import { LatchkeyError } from '../api';
import { useTexts } from '../language';
import type { MessageKey, Texts } from '../language';

/** Errors that people meet. Others are shown as the API describes them. */
const KNOWN: Readonly<Record<string, MessageKey>> = {
  no_connection: 'error_no_connection',
  unavailable: 'error_unavailable',
  too_many_requests: 'error_too_many_requests',
  account_exists: 'error_account_exists',
  account_is_group_manager: 'error_account_is_group_manager',
  already_member: 'error_already_member',
  already_invited: 'error_already_invited',
  invalid_period: 'error_invalid_period',
  group_not_found: 'error_not_found',
  nonexistent_user: 'error_not_found',
  not_found: 'error_not_found',
  unknown_user: 'error_not_found',
  invalid_group_id: 'error_not_found',
  access_denied: 'error_not_allowed',
  no_access: 'error_not_allowed',
  no_permission: 'error_not_allowed',
  not_authorized: 'error_not_allowed',
  not_permitted: 'error_not_allowed',
  email_address_invalid: 'error_email_address_invalid',
  email_address_not_specified: 'error_email_address_not_specified',
  invalid_redirect_uri: 'error_invalid_redirect_uri',
  origin_in_use: 'error_origin_in_use',
  invalid_origin: 'error_invalid_origin',
  invalid_jwks: 'error_invalid_public_key',
  invalid_public_key: 'error_invalid_public_key',
  private_key_given: 'error_private_key_given',
  limit_reached: 'error_limit_reached',
  third_party_id_in_use: 'error_third_party_id_in_use',
  real_name_not_specified: 'error_real_name_not_specified',
  not_group_member: 'error_not_group_member',
};

/** Says what went wrong, and what to quote to the operator. */
export function Failure({ error }: { error: unknown }): ReactNode {
  const texts = useTexts();
  return (
    <div role="alert">
      <p>{messageOf(error, texts)}</p>
      {error instanceof LatchkeyError && error.requestId !== null && (
        <p>
          <small>
            {texts.t('requestId')} <code>{error.requestId}</code>
          </small>
        </p>
      )}
    </div>
  );
}

/** What went wrong, in the language of the reader. */
export function messageOf(error: unknown, { t }: Texts): string {
  if (!(error instanceof LatchkeyError)) return t('error_unexpected');
  const key = KNOWN[error.id];
  return key ? t(key) : error.message || t('error_unexpected');
}
