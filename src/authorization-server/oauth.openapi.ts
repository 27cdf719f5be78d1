import { SCOPE } from '../auth/called-by.decorator.js';
import { errorsOf } from '../http/openapi.js';
import { API } from '../common/paths.js';
import { JWT_BEARER } from './protocol/client-metadata.js';
import { PATHS } from './protocol/paths.js';

const TAGS = ['OAuth'];

/** The errors of OAuth (RFC 6749, section 5.2), with the API's own members. */
const ERRORS = {
  ...errorsOf('too_many_requests'),
  400: refusal('`invalid_request`, `invalid_grant`, `invalid_scope` or `unsupported_grant_type`'),
  401: refusal('`invalid_client`'),
};

const CLIENT = {
  client_id: text('The client, if it does not authenticate with a header.'),
  client_secret: text('Its secret, with `client_secret_post`.'),
  client_assertion_type: {
    type: 'string',
    enum: ['urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
    description: 'With `private_key_jwt`.',
  },
  client_assertion: text('The assertion that the client signed, with `private_key_jwt`.'),
};

/** The token that a client asks about or ends. */
const NAMED_TOKEN = body(
  {
    type: 'object',
    required: ['token'],
    properties: {
      token: text('The token.'),
      token_type_hint: { type: 'string', enum: ['access_token', 'refresh_token'] },
      ...CLIENT,
    },
  },
  { token: 'x', client_id: 'd3e0a1c2b3f4958677a8b9cadbecfd0e' },
);

const TOKEN = {
  summary: 'Obtain an access token',
  description:
    'The token endpoint (RFC 6749, section 3.2), for authorization codes, refresh tokens, and the assertions of service accounts (RFC 7523). ' +
    'A confidential client authenticates; a public one sends its `client_id`; a service account needs neither.',
  tags: TAGS,
  security: [],
  requestBody: body(
    {
      type: 'object',
      required: ['grant_type'],
      properties: {
        grant_type: { type: 'string', enum: ['authorization_code', 'refresh_token', JWT_BEARER] },
        code: text('The authorization code.'),
        redirect_uri: text('The redirect URI of the authorization request.'),
        code_verifier: text('RFC 7636, section 4.1.'),
        refresh_token: text('The refresh token.'),
        assertion: text('The assertion of a service account (RFC 7523, section 2.1).'),
        scope: text(`\`${SCOPE}\``),
        resource: text('The `/login` of the service, for a login token in place of an access token (RFC 8707).'),
        ...CLIENT,
      },
    },
    { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'd3e0a1c2b3f4958677a8b9cadbecfd0e' },
  ),
  responses: {
    200: json('The token.', {
      type: 'object',
      required: ['access_token', 'token_type', 'expires_in'],
      properties: {
        access_token: text('A JWT (RFC 9068); with `resource`, a login token.'),
        token_type: { type: 'string' },
        expires_in: { type: 'integer', description: 'Seconds.' },
        refresh_token: { type: 'string' },
        scope: { type: 'string' },
        id_token: text('With `openid` in the scope: a JWT that says who the user is.'),
        jti: { type: 'string' },
        url: text('With a login token: the URL to forward the browser to.'),
      },
    }),
    ...ERRORS,
  },
};

const METADATA = {
  summary: 'The metadata of the authorization server',
  description: 'Metadata for libraries (RFC 8414; OpenID Connect Discovery 1.0).',
  tags: TAGS,
  security: [],
  responses: {
    200: json('The metadata.', {
      type: 'object',
      required: ['issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri', 'response_types_supported'],
      properties: {
        issuer: { type: 'string', format: 'uri' },
        authorization_endpoint: { type: 'string', format: 'uri' },
        token_endpoint: { type: 'string', format: 'uri' },
        userinfo_endpoint: { type: 'string', format: 'uri' },
        end_session_endpoint: { type: 'string', format: 'uri' },
        jwks_uri: { type: 'string', format: 'uri' },
        response_types_supported: { type: 'array', items: { type: 'string' } },
      },
    }),
    ...errorsOf(),
  },
};

const USERINFO = {
  summary: 'Who the user of an access token is',
  description:
    'The UserInfo endpoint (OpenID Connect Core 1.0, section 5.3), for an access token with `openid` in its scope.',
  tags: TAGS,
  security: [],
  responses: {
    200: json('The claims that the token may read.', {
      type: 'object',
      required: ['sub'],
      properties: {
        sub: text('The user.'),
        act: {
          type: 'object',
          description: 'Who let the user in (RFC 8693, section 4.1).',
          properties: { sub: { type: 'string' }, client_id: { type: 'string' } },
        },
        name: { type: 'string' },
        locale: { type: 'string' },
        zoneinfo: { type: 'string' },
        email: { type: 'string', format: 'email' },
        email_verified: { type: 'boolean' },
        third_party_ids: { type: 'object', additionalProperties: { type: 'string' } },
      },
    }),
    ...errorsOf(),
    400: refusal('`invalid_request`'),
    401: refusal('`invalid_token`'),
    403: refusal('`insufficient_scope`'),
  },
};

/**
 * The paths of the authorization server in openapi.json (docs/api.md, section 12). An engine answers them, so no
 * controller describes them.
 */
export const OAUTH_PATHS = {
  [PATHS.metadata]: { get: { operationId: 'getAuthorizationServerMetadata', ...METADATA } },
  [PATHS.discovery]: {
    get: {
      operationId: 'getOpenIdConfiguration',
      ...METADATA,
      summary: 'The same metadata, where OpenID Connect looks for it',
    },
  },
  [PATHS.authorization]: {
    get: {
      operationId: 'authorize',
      summary: 'Ask a user for an authorization code',
      description:
        'The authorization endpoint (RFC 6749, section 3.1), to which the client leads the browser. Public clients need `code_challenge` ' +
        '(RFC 7636). Without a redirect URI that is registered, errors are pages.',
      tags: TAGS,
      security: [],
      parameters: [
        query('client_id', 'The client.', { required: true }),
        query('redirect_uri', 'A registered redirect URI, written exactly the same.'),
        query('response_type', 'What is returned.', { schema: { type: 'string', enum: ['code'] } }),
        query('scope', `\`${SCOPE}\` for the API, or \`openid\` with others for OpenID Connect.`),
        query('nonce', 'Returned in the ID token.'),
        query('prompt', '`none`, `login`, `consent` or `select_account`.'),
        query('login_hint', 'The ID of the user who is expected, or an e-mail address for the form.'),
        query('state', 'Returned with the code.'),
        query('response_mode', 'How the code is returned.', {
          schema: { type: 'string', enum: ['query', 'fragment', 'form_post'] },
        }),
        query('code_challenge', 'RFC 7636, section 4.2.'),
        query('code_challenge_method', 'The method of the challenge.', { schema: { type: 'string', enum: ['S256'] } }),
      ],
      responses: {
        200: {
          description: 'With `response_mode=form_post`: a page that sends the code to the redirect URI.',
          content: { 'text/html': { schema: { type: 'string' } } },
        },
        302: { description: 'Back to the client, with an error.' },
        303: {
          description: 'To the page on which the user signs in, or back to the client with `code`, `state` and `iss`.',
        },
        ...errorsOf('too_many_requests'),
      },
    },
  },
  [PATHS.token]: { post: { operationId: 'obtainToken', ...TOKEN } },
  [`/${API}/token`]: {
    post: {
      operationId: 'obtainTokenOfApi',
      ...TOKEN,
      summary: 'Obtain an access token, where clients of the older API ask',
    },
  },
  [PATHS.revocation]: {
    post: {
      operationId: 'revokeToken',
      summary: 'End a refresh token, or an access token',
      description:
        'RFC 7009. Revoking a refresh token also revokes everything that came from it. The answer is the same if the token is not one of the client’s.',
      tags: TAGS,
      security: [],
      requestBody: NAMED_TOKEN,
      responses: { 200: json('The token is no longer valid.', { type: 'object' }), ...ERRORS },
    },
  },
  [PATHS.introspection]: {
    post: {
      operationId: 'introspectToken',
      summary: 'What a token is good for',
      description:
        'RFC 7662. For clients that authenticate, about tokens of the clients of their organization. About any other token it says that it is not active.',
      tags: TAGS,
      security: [],
      requestBody: NAMED_TOKEN,
      responses: {
        200: json('What it is good for.', {
          type: 'object',
          required: ['active'],
          properties: {
            active: { type: 'boolean' },
            sub: text('The user.'),
            client_id: { type: 'string' },
            scope: { type: 'string' },
            exp: { type: 'integer' },
            act: { type: 'object', description: 'Who acts for the user, or let them in (RFC 8693, section 4.1).' },
          },
        }),
        ...ERRORS,
      },
    },
  },
  [PATHS.userinfo]: {
    get: { operationId: 'getUserInfo', ...USERINFO },
    post: { operationId: 'postUserInfo', ...USERINFO },
  },
  [PATHS.endSession]: {
    get: {
      operationId: 'logOutOfApplications',
      summary: 'Log the user out',
      description: 'OpenID Connect RP-Initiated Logout 1.0. The application leads the browser here.',
      tags: TAGS,
      security: [],
      parameters: [
        query('id_token_hint', 'An ID token of the session.'),
        query('client_id', 'The client, if there is no ID token.'),
        query('post_logout_redirect_uri', 'A registered address, written exactly the same.'),
        query('state', 'Returned to that address.'),
      ],
      responses: {
        200: {
          description: 'A page on which the user confirms, or one that confirms by itself.',
          content: { 'text/html': { schema: { type: 'string' } } },
        },
        ...errorsOf(),
      },
    },
  },
  [PATHS.jwks]: {
    get: {
      operationId: 'getKeys',
      summary: 'The public keys with which access tokens are verified',
      description: 'A JWK Set (RFC 7517).',
      tags: TAGS,
      security: [],
      responses: {
        200: json('The keys.', {
          type: 'object',
          required: ['keys'],
          properties: { keys: { type: 'array', items: { type: 'object' } } },
        }),
        ...errorsOf(),
      },
    },
  },
};

function text(description: string): object {
  return { type: 'string', description };
}

function query(name: string, description: string, others: object = {}): object {
  return { name, in: 'query', required: false, description, schema: { type: 'string' }, ...others };
}

function body(schema: object, example: object): object {
  return {
    required: true,
    content: { 'application/x-www-form-urlencoded': { schema }, 'application/json': { schema, example } },
  };
}

function json(description: string, schema: object): object {
  return { description, content: { 'application/json': { schema } } };
}

function refusal(description: string): object {
  const member = { type: 'string' };
  return json(description, {
    type: 'object',
    required: ['id', 'description'],
    properties: { error: member, error_description: member, id: member, description: member },
  });
}
