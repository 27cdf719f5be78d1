import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { AppModule } from './app.module.js';
import { Settings } from '../config/settings.js';
import { API } from '../common/paths.js';
import { NEEDS_EXTENSION, SCOPE } from '../auth/called-by.decorator.js';
import type { Need } from '../auth/called-by.decorator.js';
import { FORWARD_AUTH_PATH } from '../forward-auth/forward-auth.openapi.js';
import { FORWARD_AUTH } from '../forward-auth/original-request.js';
import { OAUTH_PATHS } from '../authorization-server/oauth.openapi.js';
import { PATHS } from '../authorization-server/protocol/paths.js';
import { EXPLORER_CLIENT, OAUTH2_REDIRECT } from '../clients/explorer-client.js';
import { VERSION } from '../status/version.js';

const DESCRIPTION = `A host system lets its users into another web application without a password.

1. The host calls \`GET /api/2.1.1/access/{user}\` with its own access token.
2. It forwards the browser to the \`url\` in the answer.
3. The browser has a session. The token in the URL works once.

Sign in under **Authorize**, or paste an access token there, then *Execute* a call. In development, the start of the service
says with which password, and \`npm run latchkey -- token\` makes tokens.`;

/**
 * The OpenAPI 3.1 description of every route of the service at `url`, an origin. Without it, the description applies to
 * wherever it was loaded from.
 */
export function describeApi(app: NestFastifyApplication, url = ''): OpenAPIObject {
  const document = SwaggerModule.createDocument(
    app,
    withServerAndSecurity(withTitleAndTags(new DocumentBuilder()), url).build(),
  );
  Object.assign(document.paths, { [FORWARD_AUTH]: FORWARD_AUTH_PATH, ...OAUTH_PATHS });
  return asPublished(document);
}

function withTitleAndTags(builder: DocumentBuilder): DocumentBuilder {
  return builder
    .setOpenAPIVersion('3.1.0')
    .setTitle('Latchkey')
    .setVersion(VERSION)
    .setDescription(DESCRIPTION)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addTag('Access', 'Let a user in')
    .addTag('Sessions', 'Web sessions in the browser')
    .addTag('Users', 'Accounts, their third-party IDs and permissions')
    .addTag('Groups', 'Groups, their members and their staff')
    .addTag('Organizations', 'The caller’s organization, its accounts and its staff')
    .addTag('Clients', 'The applications that call the API')
    .addTag('Service accounts', 'Staff that are programs and sign their requests')
    .addTag('Audit', 'The audit trail: who let whom in')
    .addTag('Origins', 'The sites that belong to the caller’s organization')
    .addTag('Webhooks', 'Where the organization receives its events')
    .addTag('OAuth', 'The authorization server, which issues access tokens')
    .addTag('Status', 'Calls that need no token');
}

function withServerAndSecurity(builder: DocumentBuilder, url: string): DocumentBuilder {
  return builder
    .addServer(url || '/')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'An OAuth 2.0 access token (RFC 9068).',
    })
    .addOAuth2(
      {
        type: 'oauth2',
        description: 'Signs in here, with the authorization code grant and PKCE.',
        flows: {
          authorizationCode: {
            authorizationUrl: url + PATHS.authorization,
            tokenUrl: url + PATHS.token,
            scopes: { [SCOPE]: 'Everything that the account may do' },
          },
        },
      },
      'oauth2',
    )
    .addCookieAuth('__Host-latchkey', {
      type: 'apiKey',
      in: 'cookie',
      description: 'The web session; `latchkey` on a public URL without https.',
    });
}

/** The needs of a route in words. A permission is its own name. */
const NEEDS: Partial<Record<Need, string>> = {
  OWN: 'an own token',
  STAFF: 'staff of the organization',
  GROUP_VIEW: '`VIEW` or `MANAGE` on the group',
  GROUP_MANAGE: '`MANAGE` on the group',
};

function describeNeeds(needs: Need[]): string {
  return `Needs ${needs.map((need) => NEEDS[need] ?? `\`${need}\``).join(' or ')}.`;
}

/**
 * Adjusts the generated document for publication. Schemas get the names of docs/api.md instead of class names; path
 * segments are strings; routes for bearer tokens can be tried after signing in, and routes without credentials ask for
 * none; needs are repeated in the text; and required parameters come first.
 */
function asPublished(document: OpenAPIObject): OpenAPIObject {
  const schemas = document.components!.schemas!;
  document.components!.schemas = Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name.replace(/Dto$/, ''), schema]),
  );
  const published = JSON.parse(JSON.stringify(document), (key, value: unknown) => {
    if (key === 'security' && Array.isArray(value) && value.some((scheme: object) => 'bearer' in scheme))
      return [...(value as object[]), { oauth2: [SCOPE] }];
    if (key === '$ref' && typeof value === 'string') return value.replace(/Dto$/, '');
    const parameter = value as { in?: unknown; schema?: object } | null;
    if (parameter?.in === 'path') parameter.schema = { type: 'string', ...parameter.schema };
    return value;
  }) as OpenAPIObject;
  for (const [path, operations] of Object.entries(published.paths))
    for (const operation of Object.values(operations) as Operation[]) publish(published, path, operation);
  return published;
}

interface Schema {
  $ref?: string;
  required?: string[];
  properties?: Record<string, { type?: string | string[]; example?: unknown; enum?: unknown[] }>;
}

interface Operation {
  description?: string;
  security?: object[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: {
    required?: boolean;
    content: Record<string, { schema: Schema; example?: unknown; encoding?: object }>;
  };
  responses: Record<string, object>;
  [NEEDS_EXTENSION]?: Need[];
}

/** The errors for a body that can't be read, which is refused before its route runs. */
const UNREADABLE_BODY = {
  413: unreadable('The body is larger than 64 KiB.'),
  415: unreadable('Send the body as application/x-www-form-urlencoded or application/json.'),
};

function unreadable(description: string): object {
  const examples = { invalid_request: { value: { id: 'invalid_request', description } } };
  const schema = { $ref: '#/components/schemas/Error' };
  return { description: `\`invalid_request\`: ${description}`, content: { 'application/json': { schema, examples } } };
}

function publish(document: OpenAPIObject, path: string, operation: Operation): void {
  operation.security ??= [];
  const needs = operation[NEEDS_EXTENSION];
  if (needs) operation.description = [operation.description, describeNeeds(needs)].filter(Boolean).join('\n\n');
  // Path parameters in the order of the path, then required ones.
  const place = ({ name, in: where, required }: { name: string; in: string; required?: boolean }): number =>
    where === 'path' ? path.indexOf(`{${name}}`) : required ? path.length : Infinity;
  operation.parameters?.sort((a, b) => Math.sign(place(a) - place(b)) || 0);
  const { requestBody } = operation;
  const json = requestBody?.content['application/json'];
  if (!json) return;
  const schema = resolve(document, json.schema);
  // A call whose fields are all optional is valid without a body (docs/api.md, section 2.2).
  requestBody!.required = (schema.required ?? []).length > 0;
  operation.responses = { ...operation.responses, ...UNREADABLE_BODY };
  const properties = Object.entries(schema.properties ?? {});
  const isRequired = ([name]: [string, unknown]): boolean => schema.required?.includes(name) ?? false;
  const ordered = [...properties.filter(isRequired), ...properties.filter((property) => !isRequired(property))];
  schema.properties = Object.fromEntries(ordered);
  // A form has a list as one field for each value. This is OpenAPI's default, but some tools need it written out.
  const lists = ordered.filter(([, { type }]) => [type].flat().includes('array')).map(([name]) => name);
  const form = requestBody!.content['application/x-www-form-urlencoded'];
  if (form && lists.length > 0)
    form.encoding = Object.fromEntries(lists.map((name) => [name, { style: 'form', explode: true }]));
  // A form shows every field, and an empty field changes nothing. The JSON example has only the fields with an example
  // value.
  json.example ??= Object.fromEntries(
    ordered.flatMap(([name, { example, enum: values }]) => {
      const shown = example ?? values?.[0] ?? '';
      return shown === '' ? [] : [[name, shown]];
    }),
  );
}

function resolve(document: OpenAPIObject, schema: Schema): Schema {
  if (!schema.$ref) return schema;
  return document.components!.schemas![schema.$ref.split('/').at(-1)!] as Schema;
}

/** The description as the text of a file, from an application that opens neither a database nor a port. */
export async function describeRoutes(settings: Settings): Promise<string> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(settings), new FastifyAdapter(), {
    preview: true,
    logger: ['error', 'fatal'],
    abortOnError: false,
  });
  return `${JSON.stringify(describeApi(app), null, 2)}\n`;
}

/** Swagger UI styles its elements inline. Its scripts come from this origin only. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/page.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/**
 * Adjusts Swagger UI for narrow screens, and replaces colours with too little contrast. The column for links is hidden,
 * because no operation has any.
 */
const STYLE = `.swagger-ui .info { margin: 24px 0; }
.swagger-ui .scheme-container { padding: 16px 0; }
.swagger-ui .scheme-container .schemes > label, .swagger-ui .servers > label { min-width: 0; max-width: 100%; }
html.dark-mode .swagger-ui .scheme-container { background: #23282b; box-shadow: none; }
html.dark-mode .swagger-ui table.headers td { color: #e4e6e6; }
.swagger-ui .response-col_links { display: none; }
.swagger-ui .opblock .opblock-summary .view-line-link.copy-to-clipboard { width: 26px; transition: none; }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 12px; }
  .swagger-ui .info .title { font-size: 26px; }
  .swagger-ui .opblock .opblock-summary { flex-wrap: wrap; }
  .swagger-ui .opblock .opblock-summary-control { flex-wrap: wrap; min-width: 0; }
  .swagger-ui .opblock .opblock-summary-method { min-width: 64px; font-size: 12px; }
  .swagger-ui .opblock .opblock-summary-path { max-width: calc(100% - 80px); word-break: break-word; }
  .swagger-ui .opblock .opblock-summary-description { flex-basis: 100%; padding: 4px 0 0; }
  .swagger-ui .opblock-tag { flex-wrap: wrap; }
  .swagger-ui .opblock-tag small { flex-basis: 100%; padding: 0; }
  .swagger-ui .table-container, .swagger-ui .responses-inner { overflow-x: auto; padding: 12px; }
  .swagger-ui table.parameters, .swagger-ui table.parameters > tbody, .swagger-ui table.parameters > tbody > tr,
  .swagger-ui .parameters-col_name, .swagger-ui .parameters-col_description,
  .swagger-ui .responses-table, .swagger-ui .responses-table > tbody, .swagger-ui .responses-table > tbody > tr,
  .swagger-ui .response-col_status, .swagger-ui .response-col_description { display: block; width: auto; }
  .swagger-ui table.parameters > thead, .swagger-ui .responses-table > thead { display: none; }
  .swagger-ui .response-col_status { padding-bottom: 0; }
  .swagger-ui .responses-table > tbody > tr > td.response-col_description { padding-top: 4px; }
  .swagger-ui .copy-to-clipboard, .swagger-ui .download-contents { flex: none; }
  .swagger-ui .curl-command .copy-to-clipboard { bottom: 8px; width: 30px; height: 30px; }
  .swagger-ui .curl-command .microlight, .swagger-ui .highlight-code:has(.copy-to-clipboard) .microlight { padding-bottom: 48px !important; }
  .swagger-ui .parameters-col_description input, .swagger-ui .parameters-col_description select { width: 100%; max-width: 100%; }
  .swagger-ui .opblock-body pre.microlight, .swagger-ui .highlight-code { max-width: calc(100vw - 64px); }
  .swagger-ui .dialog-ux .modal-ux { width: calc(100vw - 24px); min-width: 0; }
  .swagger-ui .auth-wrapper { justify-content: flex-start; }
}
`;

/** Parameters that only browsers, proxies or clients send. The explorer shows them but does not send them. */
const SENT_ELSEWHERE = [
  '/login',
  '/session',
  FORWARD_AUTH,
  PATHS.authorization,
  PATHS.token,
  PATHS.revocation,
  `/${API}/token`,
];

/** Starts Swagger UI with the client that every installation has for this page. */
function start({ PUBLIC_URL }: Settings): string {
  const signIn = { clientId: EXPLORER_CLIENT, scopes: SCOPE, usePkceWithAuthorizationCodeGrant: true };
  return `const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
const elsewhere = ${JSON.stringify(SENT_ELSEWHERE)};
const ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  plugins: [
    () => ({
      statePlugins: {
        spec: { wrapSelectors: { allowTryItOutFor: () => (_state, path) => !elsewhere.includes(path) } },
      },
    }),
  ],
  oauth2RedirectUrl: '${PUBLIC_URL}${OAUTH2_REDIRECT}',
});
ui.initOAuth(${JSON.stringify(signIn)});
`;
}

/** The files of Swagger UI's package that the page needs, with their media types. */
const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
  'oauth2-redirect.html': 'text/html; charset=utf-8',
  'oauth2-redirect.js': 'text/javascript; charset=utf-8',
} as const;

const ASSET_DIRECTORY = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** Serves Swagger UI under /docs and its document under /openapi.json. */
export function serveDocumentation(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  let document: Buffer | undefined;
  fastify.get('/openapi.json', (_request, reply) =>
    reply
      .type('application/json; charset=utf-8')
      .send((document ??= Buffer.from(JSON.stringify(describeApi(app, app.get(Settings).PUBLIC_URL))))),
  );
  fastify.get('/docs', (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('Content-Security-Policy', CONTENT_SECURITY_POLICY).send(PAGE),
  );
  const script = start(app.get(Settings));
  fastify.get('/docs/page.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE));
  fastify.get('/docs/start.js', (_request, reply) => reply.type('text/javascript; charset=utf-8').send(script));
  for (const [name, type] of Object.entries(ASSETS)) {
    const content = readFileSync(join(ASSET_DIRECTORY, name));
    fastify.get(`/docs/${name}`, (_request, reply) =>
      reply
        .type(type)
        .headers({ 'Cache-Control': 'public, max-age=86400', 'Content-Security-Policy': CONTENT_SECURITY_POLICY })
        .send(content),
    );
  }
}
