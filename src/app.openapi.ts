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
import { Settings } from './config/settings.js';
import { DEVELOPMENT_CLIENT, OAUTH2_REDIRECT } from './demo/demo.service.js';
import { NEEDS_EXTENSION, SCOPE } from './auth/called-by.decorator.js';
import type { Need } from './auth/called-by.decorator.js';
import { FORWARD_AUTH_PATH } from './forward-auth/forward-auth.openapi.js';
import { FORWARD_AUTH } from './forward-auth/original-request.js';
import { PATHS } from './oauth/server/paths.js';
import { VERSION } from './status/version.js';

const DESCRIPTION = `A host system lets its users into another web application without a password.

1. The host calls \`GET /api/2.1.1/access/{user}\` with its own access token.
2. It forwards the browser to the \`url\` in the answer.
3. The browser has a session. The token in the URL works once.

Sign in under **Authorize**, or paste an access token there, then *Execute* a call. In development, the start of the service
says with which password, and \`npm run latchkey -- token\` makes tokens.`;

/** The OpenAPI 3.1 description of every route. */
export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Latchkey')
    .setVersion(VERSION)
    .setDescription(DESCRIPTION)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/')
    .addTag('Access', 'Let a user in')
    .addTag('Sessions', 'What a browser gets for a token')
    .addTag('Users')
    .addTag('Groups')
    .addTag('Organizations')
    .addTag('Clients', 'The applications that call the API')
    .addTag('Service accounts', 'Staff that is no person and signs its requests')
    .addTag('Audit', 'Who let whom in')
    .addTag('Status')
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
            authorizationUrl: PATHS.authorization,
            tokenUrl: PATHS.token,
            scopes: { [SCOPE]: 'All that the account may do' },
          },
        },
      },
      'oauth2',
    )
    .addCookieAuth('__Host-latchkey', {
      type: 'apiKey',
      in: 'cookie',
      description: 'The web session; `latchkey` on a public URL without https.',
    })
    .build();
  const document = SwaggerModule.createDocument(app, config);
  document.paths[FORWARD_AUTH] = FORWARD_AUTH_PATH as OpenAPIObject['paths'][string];
  return asPublished(document);
}

/** What a caller needs, as people read it; a permission is its own name. */
const NEEDS: Partial<Record<Need, string>> = {
  OWN: 'a token of one’s own',
  STAFF: 'to be on the staff of the organization',
  GROUP_VIEW: '`VIEW` or `MANAGE` on the group',
  GROUP_MANAGE: '`MANAGE` on the group',
};

function describeNeeds(needs: Need[]): string {
  return `Needs ${needs.map((need) => NEEDS[need] ?? `\`${need}\``).join(' or ')}.`;
}

/**
 * Schemas have the names of the contract, without that of a class; every segment of a path is a text; what takes a
 * bearer token can be tried with one that signing in gives; and what a caller needs is in the text too.
 */
function asPublished(document: OpenAPIObject): OpenAPIObject {
  const schemas = document.components!.schemas!;
  document.components!.schemas = Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name.replace(/Dto$/, ''), schema]),
  );
  return JSON.parse(JSON.stringify(document), (key, value: unknown) => {
    if (key === 'security' && Array.isArray(value) && value.some((scheme: object) => 'bearer' in scheme))
      return [...(value as object[]), { oauth2: [SCOPE] }];
    if (key === '$ref' && typeof value === 'string') return value.replace(/Dto$/, '');
    const parameter = value as { in?: unknown; schema?: object } | null;
    if (parameter?.in === 'path') parameter.schema = { type: 'string', ...parameter.schema };
    const operation = value as { description?: string; [NEEDS_EXTENSION]?: Need[] } | null;
    const needs = operation?.[NEEDS_EXTENSION];
    if (needs) operation.description = [operation.description, describeNeeds(needs)].filter(Boolean).join('\n\n');
    return value;
  }) as OpenAPIObject;
}

/** The same as the text of a file, from an application that opens no database and no port. */
export async function describeRoutes(settings: Settings): Promise<string> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(settings), new FastifyAdapter(), {
    preview: true,
    logger: ['error', 'fatal'],
    abortOnError: false,
  });
  return `${JSON.stringify(describeApi(app), null, 2)}\n`;
}

/** Swagger UI styles its elements inline; scripts come from here only. */
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
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** In development there is a client for this page. */
function start({ isDevelopment, PUBLIC_URL }: Settings): string {
  const signIn = { clientId: DEVELOPMENT_CLIENT, scopes: SCOPE, usePkceWithAuthorizationCodeGrant: true };
  return `const ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  oauth2RedirectUrl: '${PUBLIC_URL}${OAUTH2_REDIRECT}',
});
${isDevelopment ? `ui.initOAuth(${JSON.stringify(signIn)});` : ''}
`;
}

/** What of Swagger UI's package the page needs, with its media type. */
const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
  'oauth2-redirect.html': 'text/html; charset=utf-8',
  'oauth2-redirect.js': 'text/javascript; charset=utf-8',
} as const;

const ASSET_DIRECTORY = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** Swagger UI under /docs, and the document that it shows under /openapi.json. */
export function serveDocumentation(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  let document: string | undefined;
  fastify.get('/openapi.json', (_request, reply) =>
    reply.type('application/json; charset=utf-8').send((document ??= JSON.stringify(describeApi(app)))),
  );
  fastify.get('/docs', (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('Content-Security-Policy', CONTENT_SECURITY_POLICY).send(PAGE),
  );
  const script = start(app.get(Settings));
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
