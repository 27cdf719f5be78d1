import { errorsOf } from '../http/openapi.js';

const HEADERS = {
  'X-Latchkey-User': 'The ID of the visitor.',
  'X-Latchkey-Email': 'The visitor’s e-mail address, or empty.',
  'X-Latchkey-Name': 'The visitor’s name. Characters outside printable ASCII are percent-encoded UTF-8.',
  'X-Latchkey-Third-Party-Ids': 'As a list of `CODE$ID`, each ID percent-encoded.',
  'X-Latchkey-Actor': 'The ID of the account that let the visitor in.',
  'X-Latchkey-Assertion':
    'The same without the third-party IDs as a JWT, signed with a key of `/oauth/keys` and valid for five minutes.',
  Cookie: 'The visitor’s cookies without those of Latchkey.',
};

/** The part of openapi.json for a route that no controller has. */
export const FORWARD_AUTH_PATH = {
  get: {
    operationId: 'forwardAuth',
    summary: 'Ask whether a request for a protected site may pass',
    description:
      'For proxies in front of other applications: `auth_request` of nginx, `forwardAuth` of Traefik, `forward_auth` of Caddy and ' +
      '`ext_authz` of Envoy, which asks below this path, with the method, `Host` and path of the original request. Only an address of `TRUSTED_PROXIES` gets an answer.',
    tags: ['Sessions'],
    security: [{ cookie: [] }],
    parameters: [
      header('X-Original-URL', 'The URL that the browser asked for (nginx).'),
      header('X-Forwarded-Uri', 'Or its path and query, with the three headers below (Traefik, Caddy).'),
      header('X-Forwarded-Method', 'Its method.'),
      header('X-Forwarded-Proto', 'Its scheme.'),
      header('X-Forwarded-Host', 'Its host.'),
    ],
    responses: {
      200: {
        description: 'The request may pass, with these headers.',
        headers: Object.fromEntries(
          Object.entries(HEADERS).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
        ),
      },
      302: { description: 'To `SIGN_IN_URL`, with the page in `return_to`, for a person without a session.' },
      303: { description: 'To the same page without `oauth_token`; with the session cookie if a session was started.' },
      307: { description: 'The same for a form that is sent with a session.' },
      ...errorsOf(
        'invalid_request',
        'not_authenticated',
        'invalid_token',
        'not_authorized',
        'token_used',
        'token_expired',
        'too_many_requests',
        'unavailable',
      ),
    },
  },
};

function header(name: string, description: string): object {
  return { name, in: 'header', required: false, description, schema: { type: 'string' } };
}
