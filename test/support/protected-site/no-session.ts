import { describe, expect, it } from '@jest/globals';
import { headerOf } from '../echo-application.js';
import { raw } from '../raw.js';
import { application, ask, identity, otherSite, signIn, site, user } from './setup.js';

/** What is open to everybody, and what is not. */
export function itKeepsOthersOut(): void {
  it('a preflight passes as nobody’s for a site in PREFLIGHT_SITES', async () => {
    const preflight = { origin: 'https://other.example', 'access-control-request-method': 'PUT' };
    const headers = { ...preflight, cookie: '__Host-latchkey=x; a=1', 'x-latchkey-user': 'admin' };
    expect((await raw(site, '/things?a=1', { method: 'OPTIONS', headers })).status).toBe(200);
    const { method, url } = application.last;
    expect([method, url, identity()['x-latchkey-user']?.join('') ?? '']).toEqual(['OPTIONS', '/things?a=1', '']);
    expect(headerOf(application.last, 'Cookie')).toBe('');
    application.seen.length = 0;
    expect((await raw(otherSite, '/things', { method: 'OPTIONS', headers })).status).toBe(401);
    const forged = { ...headers, 'x-forwarded-method': 'OPTIONS' };
    for (const method of ['GET', 'POST'])
      expect((await raw(site, '/things', { method, headers: forged })).status).toBe(401);
    expect(application.seen).toEqual([]);
  });

  describe('S31: without a session, nothing of the application is open', () => {
    it.each([
      '/',
      '/course',
      '/login/',
      '/login/../course',
      '/login/..%2fcourse',
      '/login%2f..%2fcourse',
      '/login/%2e%2e/course',
      '/course/..;/login',
      '/oauth/../course',
      '/oauth/..%2f..%2fcourse',
      '/oauth%2fkeys',
      '/api/2/../../course',
      '//login',
      '/course//login',
      '/./course',
      '/course%00.css',
      '/course#/login',
      '/course#?oauth_token=x',
      '/course?/login',
      '/course?x=/login#/health',
      '/forward-auth',
      '/forward-auth/x',
      '/forward-auth?page',
      '/latchkey-forward-auth',
      '/course?oauth_token=',
      '/course?oauth%5Ftoken=x',
    ])('%s', async (path) => {
      for (const headers of [
        {},
        { 'x-forwarded-uri': '/login', 'x-original-url': `${site}/login` },
        { 'user-agent': 'kube-probe/1.31' },
      ]) {
        const answer = await ask(path, headers as Record<string, string>);
        expect({ seen: application.seen, isRefused: answer.status >= 400 }).toEqual({ seen: [], isRefused: true });
        expect([...answer.headers.keys()].filter((name) => name.startsWith('x-latchkey'))).toEqual([]);
      }
    });

    it.each(['OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'POST', 'DELETE'])('by %s', async (method) => {
      const answer = await ask('/course', {}, method);
      expect([application.seen, answer.status >= 400]).toEqual([[], true]);
    });

    it('and a person sees a page that says what to do', async () => {
      const answer = await ask('/course?x=1');
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([401, []]);
      expect(answer.text).toContain('<h1>You are not signed in</h1>');
      const object = await ask('/course', { accept: 'application/json' });
      expect([object.status, object.body.id]).toEqual([401, 'not_authenticated']);
    });
  });

  it('our own pages are there without a session, and /forward-auth is not', async () => {
    expect((await ask('/oauth/keys')).body.keys).toContainEqual(expect.objectContaining({ alg: 'ES256' }));
    expect((await ask('/api/2/version')).status).toBe(200);
    expect((await ask('/login/continue.js')).headers.get('content-type')).toMatch(/^text\/javascript/);
    expect((await ask('/session', { accept: 'application/json' })).status).toBe(401);
    const cookie = await signIn();
    expect((await ask('/session', { cookie, accept: 'application/json' })).body.user.id).toBe(user);
    expect((await ask('/login/sessions', { cookie })).text).toContain('You are signed in');
    await ask('/forward-auth', { cookie });
    expect(application.last.url).toBe('/forward-auth');
  });
}
