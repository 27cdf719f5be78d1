/**
 * Every error id that the service sends, with its HTTP status and the description that is sent when the code that
 * throws it gives no more precise one (docs/api.md, section 2.4).
 */
export const ERRORS = {
  invalid_request: { status: 400, description: 'The request is malformed.' },
  missing_field: { status: 400, description: 'The user reference is missing or malformed.' },
  incorrect_field: { status: 400, description: 'A parameter has a value that is not allowed.' },
  account_exists: { status: 400, description: 'Another account has this e-mail address.' },
  email_address_not_specified: { status: 400, description: 'Give an e-mail address or a third-party ID.' },
  email_address_invalid: { status: 400, description: 'The e-mail address is malformed.' },
  real_name_not_specified: { status: 400, description: 'Give a name of at most 255 characters.' },
  locale_invalid: { status: 400, description: 'The locale must be a language tag, such as en or nl-NL.' },
  invalid_time_zone: {
    status: 400,
    description: 'The time zone must be a name from the IANA database, such as Europe/Amsterdam.',
  },
  year_of_birth_invalid: {
    status: 400,
    description: 'The year of birth must be a year from 1900 to the current year.',
  },
  residence_country_invalid: {
    status: 400,
    description: 'The domicile must be an ISO 3166-1 alpha-2 code, such as NL.',
  },
  invalid_third_party_id: {
    status: 400,
    description: 'The third-party ID is malformed, or the organization has no third party with this code.',
  },
  invalid_password: { status: 400, description: 'The password is too short, too long, or easy to guess.' },
  unknown_permission: { status: 400, description: 'There is no permission with this name.' },
  cannot_delete_self: { status: 400, description: 'The caller cannot delete their own account.' },
  account_is_group_manager: {
    status: 400,
    description: 'The account manages groups. Take that permission away first.',
  },
  name_missing: { status: 400, description: 'Give a name of at most 255 characters.' },
  description_missing: { status: 400, description: 'Give a description of at most 2000 characters.' },
  invalid_name: { status: 400, description: 'The name is empty or longer than 255 characters.' },
  invalid_description: { status: 400, description: 'The description is empty or longer than 2000 characters.' },
  invalid_custom_reference: {
    status: 400,
    description: 'The custom reference is malformed or longer than 255 characters.',
  },
  invalid_group_id: { status: 400, description: 'This is not a valid group ID.' },
  email_not_added: {
    status: 400,
    description: 'The account has the maximum number of e-mail addresses. Remove one first.',
  },
  email_not_linked: { status: 400, description: 'The account does not have this e-mail address.' },
  not_owner: { status: 400, description: 'The account does not have this e-mail address.' },
  not_verified: { status: 400, description: 'This e-mail address is not verified.' },
  cannot_remove_primary_email: {
    status: 400,
    description: 'This is the primary e-mail address. Make another address primary first.',
  },
  invalid_email_address: { status: 400, description: 'The e-mail address is malformed.' },
  already_member: { status: 400, description: 'The user is already a member of the group.' },
  already_invited: { status: 400, description: 'The user is already invited.' },
  not_group_member: { status: 400, description: 'The user is neither a member of the group nor invited.' },
  invalid_result_size: { status: 400, description: 'The page size must be 1 to 100.' },
  user_missing: { status: 400, description: 'The user reference is missing or malformed.' },
  invalid_action: { status: 400, description: 'The action must be ACCEPT or DECLINE.' },
  invalid_permission: { status: 400, description: 'The permission must be MANAGE or VIEW.' },
  invalid_period: { status: 400, description: 'The right must end in the future, and after it begins.' },
  not_available: {
    status: 400,
    description: 'The user is not on the staff of the organization, or does not have this permission.',
  },
  already_staff_user: { status: 400, description: 'The account is already on the staff.' },
  linked_to_other_organization: { status: 400, description: 'The account belongs to another organization.' },
  missing_name: {
    status: 400,
    description: 'There is no account with this e-mail address. Give a name to create one.',
  },
  not_staff_user: { status: 400, description: 'The account is not on the staff.' },
  staff_disconnection_failed: {
    status: 400,
    description: 'The account manages groups. Take that permission away first.',
  },
  invalid_redirect_uri: {
    status: 400,
    description:
      'A redirect URI must be an absolute https URL, an http URL on loopback, or, for a public client, a URI of a private-use scheme.',
  },
  invalid_origin: {
    status: 400,
    description: 'An origin must be written as browsers write it, such as https://host.example.',
  },
  origin_not_owned: {
    status: 400,
    description: 'An origin does not belong to the organization. Claim it first: POST origins.',
  },
  origin_not_proven: { status: 400, description: 'The file on the site does not contain the challenge of the claim.' },
  invalid_jwks: { status: 400, description: 'The keys are not a JWK Set of public keys.' },
  invalid_public_key: {
    status: 400,
    description:
      'This is not a public key. A key can be in PEM, in DER as base64, an X.509 certificate, an OpenSSH line such as "ssh-ed25519 AAAA…", or a JWK.',
  },
  client_has_no_secret: {
    status: 400,
    description: 'The client has no secrets: it is public, or it authenticates with its keys.',
  },
  client_in_use: {
    status: 400,
    description: 'A service account uses this client. Delete the service account instead.',
  },
  limit_reached: { status: 400, description: 'The maximum number is reached. Delete one first.' },
  not_authenticated: { status: 401, description: 'Send a valid access token: Authorization: Bearer <token>.' },
  invalid_token: {
    status: 401,
    description: 'This sign-in link is not valid. Go back to where you came from and follow the link again.',
  },
  not_linked_to_organization: { status: 401, description: 'The caller is not on the staff of an organization.' },
  not_authorized: { status: 403, description: 'The caller may not do this.' },
  no_access: { status: 403, description: 'The caller may not see this account.' },
  access_denied: { status: 403, description: 'The caller may not delete this account.' },
  cannot_demote_self: { status: 403, description: 'The caller cannot take themselves off the staff.' },
  no_permission: { status: 403, description: 'The caller does not have the permission for this.' },
  not_permitted: { status: 403, description: 'The caller may not do this in this organization.' },
  not_found: { status: 404, description: 'There is nothing here.' },
  unknown_user: { status: 404, description: 'No active user matches the given reference.' },
  nonexistent_user: { status: 404, description: 'No user matches the given reference.' },
  unknown_third_party_id: { status: 404, description: 'The account does not have this third-party ID.' },
  group_not_found: { status: 404, description: 'There is no group with this ID.' },
  unknown_group: { status: 404, description: 'There is no group with this ID.' },
  method_not_allowed: { status: 405, description: 'This path does not support this method. See the Allow header.' },
  email_address_in_use: { status: 409, description: 'Another account has this e-mail address.' },
  third_party_id_in_use: { status: 409, description: 'Another account has this third-party ID.' },
  origin_in_use: {
    status: 409,
    description: 'The origin belongs to another organization. The operator of the service can change that.',
  },
  third_party_already_assigned: { status: 409, description: 'The account already has another ID of this third party.' },
  token_used: {
    status: 410,
    description: 'This sign-in link was already used. Go back to where you came from and follow the link again.',
  },
  token_expired: {
    status: 410,
    description: 'This sign-in link has expired. Go back to where you came from and follow the link again.',
  },
  cursor_expired: {
    status: 410,
    description:
      'The event of this cursor is no longer in the record, and events after it may have been deleted too. Begin again without after.',
  },
  too_many_requests: { status: 429, description: 'Too many wrong tokens from this address. Try again later.' },
  internal_error: { status: 500, description: 'The service failed to answer. Report the request ID to its operator.' },
  unavailable: { status: 503, description: 'The service is not available at the moment. Try again.' },
} as const satisfies Record<string, { status: number; description: string }>;

export type ErrorId = keyof typeof ERRORS;

/** The error ids for statuses that the framework raises by itself. */
const ID_BY_STATUS: Record<number, ErrorId> = {
  400: 'invalid_request',
  401: 'not_authenticated',
  403: 'not_authorized',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'invalid_request',
  414: 'invalid_request',
  415: 'invalid_request',
  431: 'invalid_request',
  429: 'too_many_requests',
  503: 'unavailable',
};

export function errorIdOfStatus(status: number): ErrorId {
  return ID_BY_STATUS[status] ?? (status < 500 ? 'invalid_request' : 'internal_error');
}

/**
 * An error that is meant for the caller. The error filter turns it into the error object of docs/api.md, section 2.4.
 */
export class DomainError extends Error {
  constructor(
    readonly id: ErrorId,
    description: string = ERRORS[id].description,
    readonly extra: {
      members?: Record<string, unknown>;
      headers?: Record<string, string>;
    } = {},
  ) {
    super(description);
  }

  get status(): number {
    return ERRORS[this.id].status;
  }
}

export interface ErrorBody {
  id: string;
  description: string;
  [member: string]: unknown;
}
