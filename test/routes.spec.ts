import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModulesContainer, Reflector } from '@nestjs/core';
import { CallerRule } from '../src/auth/called-by.decorator.js';
import { ERRORS } from '../src/common/errors/errors.js';
import { PUBLIC_URL, TestApp } from './support/app.js';
import type { TestCaller } from './support/world.js';

/** Statuses of `invalid_request` for a body that cannot be read. */
const UNREADABLE = new Set(['413', '415']);

let t: TestApp;
let caller: TestCaller;

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security: Record<string, unknown>[];
  deprecated?: boolean;
  parameters?: { name: string; in: string }[];
  responses: Record<
    string,
    {
      description: string;
      content?: Record<
        string,
        { schema?: { $ref?: string }; examples?: Record<string, { value: { id: string; description: string } }> }
      >;
    }
  >;
}

interface Description {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, unknown>;
    securitySchemes: Record<string, { type: string; scheme?: string; flows?: Record<string, object> }>;
  };
}

beforeAll(async () => {
  t = await TestApp.start();
  caller = await t.world.caller();
});
afterAll(() => t.stop());

describe('every route', () => {
  it('says who may call it', () => {
    const reflector = t.nest.get(Reflector);
    const silent: string[] = [];
    for (const { controllers } of t.nest.get(ModulesContainer, { strict: false }).values()) {
      for (const { metatype } of controllers.values()) {
        for (const name of Object.getOwnPropertyNames(metatype!.prototype).filter(
          (property) => property !== 'constructor',
        )) {
          const handler = metatype!.prototype[name] as () => unknown;
          const isRoute = Reflect.hasMetadata('path', handler);
          if (isRoute && !reflector.getAllAndOverride(CallerRule, [handler, metatype as never]))
            silent.push(`${metatype!.name}.${name}`);
        }
      }
    }
    expect(silent).toEqual([]);
  });

  it('of the API but version and token refuses a caller without a token', async () => {
    const calls = Object.entries((await description()).paths)
      .filter(([path]) => path.startsWith('/api/') && !/\/(version|token)$/.test(path))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })));
    expect(calls.length).toBeGreaterThan(15);
    for (const { method, path } of calls) {
      const { status } = await t.call(path.replaceAll(/\{\w+\}/g, 'x'), { method });
      expect({ method, path, status }).toEqual({ method, path, status: 401 });
    }
  });
});

describe('openapi.json', () => {
  it('is OpenAPI 3.1 with every route of the service', async () => {
    const { openapi, paths } = await description();
    expect(openapi).toBe('3.1.0');
    expect(Object.keys(paths).toSorted()).toEqual([
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
      '/api/2.1.1/access-token/{id}',
      '/api/2.1.1/access-tokens',
      '/api/2.1.1/access/{thirdParty}/{id}',
      '/api/2.1.1/access/{thirdParty}/{id}/explanation',
      '/api/2.1.1/access/{user}',
      '/api/2.1.1/access/{user}/explanation',
      '/api/2.1.1/audit',
      '/api/2.1.1/audit/export',
      '/api/2.1.1/audit/stream',
      '/api/2.1.1/client/{id}',
      '/api/2.1.1/client/{id}/logouts',
      '/api/2.1.1/client/{id}/secrets',
      '/api/2.1.1/client/{id}/secrets/{secretId}',
      '/api/2.1.1/clients',
      '/api/2.1.1/group-invitation/{id}',
      '/api/2.1.1/group-invitations',
      '/api/2.1.1/group/{group}/members',
      '/api/2.1.1/group/{group}/members/{thirdParty}/{id}',
      '/api/2.1.1/group/{group}/members/{user}',
      '/api/2.1.1/group/{group}/staff',
      '/api/2.1.1/group/{group}/staff/{user}/{permission}',
      '/api/2.1.1/group/{group}/staff/{user}/{permission}/effects',
      '/api/2.1.1/group/{id}',
      '/api/2.1.1/groups',
      '/api/2.1.1/lookup',
      '/api/2.1.1/organization',
      '/api/2.1.1/organization/{id}',
      '/api/2.1.1/organization/{id}/groups',
      '/api/2.1.1/organization/{id}/staff',
      '/api/2.1.1/organization/{id}/staff/{user}',
      '/api/2.1.1/organization/{id}/staff/{user}/effects',
      '/api/2.1.1/organizations/{id}/accounts',
      '/api/2.1.1/origin/{origin}',
      '/api/2.1.1/origin/{origin}/verify',
      '/api/2.1.1/origins',
      '/api/2.1.1/overview',
      '/api/2.1.1/own-session/{id}',
      '/api/2.1.1/own-sessions',
      '/api/2.1.1/service-account/{id}',
      '/api/2.1.1/service-account/{id}/key-pairs',
      '/api/2.1.1/service-account/{id}/keys',
      '/api/2.1.1/service-account/{id}/keys/{kid}',
      '/api/2.1.1/service-accounts',
      '/api/2.1.1/session',
      '/api/2.1.1/session/{id}',
      '/api/2.1.1/session/{id}/applications',
      '/api/2.1.1/sessions',
      '/api/2.1.1/token',
      '/api/2.1.1/user',
      '/api/2.1.1/user/{thirdParty}/{id}',
      '/api/2.1.1/user/{user}',
      '/api/2.1.1/user/{user}/email-address/{emailAddress}',
      '/api/2.1.1/user/{user}/email-address/{emailAddress}/verification-links',
      '/api/2.1.1/user/{user}/email-addresses',
      '/api/2.1.1/user/{user}/email-addresses/{emailAddress}/set-primary',
      '/api/2.1.1/user/{user}/groups',
      '/api/2.1.1/user/{user}/passkeys',
      '/api/2.1.1/user/{user}/password-link',
      '/api/2.1.1/user/{user}/permissions',
      '/api/2.1.1/user/{user}/permissions/{permission}',
      '/api/2.1.1/user/{user}/permissions/{permission}/effects',
      '/api/2.1.1/user/{user}/third-party-id/{thirdPartyId}',
      '/api/2.1.1/user/{user}/third-party-id/{thirdParty}/{id}',
      '/api/2.1.1/user/{user}/third-party-ids',
      '/api/2.1.1/users',
      '/api/2.1.1/version',
      '/api/2.1.1/webhook/{id}',
      '/api/2.1.1/webhook/{id}/keys',
      '/api/2.1.1/webhook/{id}/replay',
      '/api/2.1.1/webhook/{id}/test',
      '/api/2.1.1/webhooks',
      '/forward-auth',
      '/health',
      '/health/live',
      '/health/ready',
      '/health/started',
      '/login',
      '/logout',
      '/oauth/authorize',
      '/oauth/introspect',
      '/oauth/keys',
      '/oauth/logout',
      '/oauth/revoke',
      '/oauth/token',
      '/oauth/userinfo',
      '/session',
    ]);
  });

  it('describes each operation with its parameters, and each error id with an example under its status', async () => {
    for (const { path, operation } of await operations()) {
      // Errors of the authorization server are OAuth's.
      const isOAuth = operation.tags.includes('OAuth');
      expect(operation).toMatchObject({
        operationId: expect.any(String),
        summary: expect.any(String),
        tags: [expect.any(String)],
      });
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const described = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map(({ name }) => name);
      expect(described.toSorted()).toEqual(named.toSorted());
      for (const [status, { content }] of Object.entries(operation.responses).filter(([code]) => Number(code) >= 400)) {
        if (isOAuth && ['400', '401', '403'].includes(status)) continue;
        const examples = Object.entries(content!['application/json']!.examples!);
        expect(examples.length).toBeGreaterThan(0);
        for (const [id, { value }] of examples)
          expect({ id, status, value }).toEqual({
            id,
            status: UNREADABLE.has(status) ? status : String(ERRORS[id as keyof typeof ERRORS].status),
            value: { id, description: expect.any(String) },
          });
      }
    }
  });

  it('says where the service is, that a route takes no credentials, and strikes nothing through', async () => {
    const { servers, components } = await description();
    expect(servers).toEqual([{ url: PUBLIC_URL }]);
    expect(components.securitySchemes.oauth2!.flows!.authorizationCode).toMatchObject({
      authorizationUrl: `${PUBLIC_URL}/oauth/authorize`,
      tokenUrl: `${PUBLIC_URL}/oauth/token`,
    });
    const committed = JSON.parse(readFileSync('openapi.json', 'utf8')) as Description;
    expect(committed.servers).toEqual([{ url: '/' }]);
    const open = (await operations()).filter(({ operation }) => operation.security.length === 0);
    expect(
      open
        .map(({ path }) => path)
        .filter((path) => !path.includes('oauth') && !path.includes('openid'))
        .toSorted(),
    ).toEqual([
      '/api/2.1.1/token',
      '/api/2.1.1/version',
      '/health',
      '/health/live',
      '/health/ready',
      '/health/started',
      '/login',
      '/login',
      '/login',
    ]);
    expect((await operations()).filter(({ operation }) => operation.deprecated)).toEqual([]);
  });

  it('documents every error of the access call', async () => {
    const { responses } = (await description()).paths['/api/2.1.1/access/{user}']!.get!;
    const ids = Object.entries(responses).flatMap(([status, { content }]) =>
      Object.keys(content?.['application/json']?.examples ?? {}).map((id) => `${status} ${id}`),
    );
    expect(ids.toSorted()).toEqual([
      '400 incorrect_field',
      '400 invalid_request',
      '400 missing_field',
      '401 not_authenticated',
      '403 not_authorized',
      '404 unknown_user',
      '429 too_many_requests',
      '500 internal_error',
      '503 unavailable',
    ]);
  });

  it('has a bearer scheme, so that Swagger UI can send a token with every call that needs one', async () => {
    const { components } = await description();
    expect(components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
    for (const { path, operation } of await operations()) {
      const needsToken = path.startsWith('/api/') && !/\/(version|token)$/.test(path);
      expect({ path, needsToken: operation.security?.some((scheme) => 'bearer' in scheme) ?? false }).toEqual({
        path,
        needsToken,
      });
    }
  });

  it('refers to no schema that is not there', async () => {
    const document = await description();
    const references = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
      ([, name]) => name!,
    );
    expect(new Set(references).size).toBeGreaterThan(5);
    for (const name of references) expect(document.components.schemas).toHaveProperty(name);
  });

  it('says of every field and parameter that it is a text, a number or a choice', async () => {
    const { paths, components } = await description();
    const schemas = Object.entries(
      components.schemas as Record<string, { properties?: Record<string, { type?: string }> }>,
    );
    const objects = schemas.flatMap(([name, { properties = {} }]) =>
      Object.entries(properties)
        .filter(([, { type }]) => type === 'object')
        .map(([property]) => `${name}.${property}`),
    );
    expect(objects).toEqual([]);
    for (const methods of Object.values(paths))
      for (const { operationId, parameters = [] } of Object.values(methods))
        for (const { name, schema } of parameters as { name: string; schema?: { type?: string } }[])
          expect({ operationId, name, type: schema?.type }).toMatchObject({
            type: expect.stringMatching(/^(string|integer|boolean)$/),
          });
  });

  it('describes what the access call really answers', async () => {
    const { id } = await t.world.userOf(caller);
    const { body } = await t.as(caller)(`/access/${id}`);
    const schema = (await description()).components.schemas.Access as { properties: object; required: string[] };
    expect(Object.keys(schema.properties)).toEqual(Object.keys(body));
    expect(schema.required).toEqual(Object.keys(body));
  });
});

describe('Swagger UI', () => {
  it('is a page whose parts all come from here, without inline script', async () => {
    const page = await t.call('/docs');
    expect({ status: page.status, type: page.headers.get('content-type') }).toEqual({
      status: 200,
      type: 'text/html; charset=utf-8',
    });
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(parts).toHaveLength(5);
    for (const path of parts) {
      expect(path).toMatch(/^\/docs\//);
      expect((await t.call(path)).status).toBe(200);
    }
    expect(page.text).not.toMatch(/<script>/);
  });
});

async function description(): Promise<Description> {
  return (await t.call('/openapi.json')).body;
}

async function operations(): Promise<{ path: string; operation: Operation }[]> {
  return Object.entries((await description()).paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  );
}
