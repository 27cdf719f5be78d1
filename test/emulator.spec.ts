import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEmulator } from '../clients/typescript/src/emulator.js';
import type { Emulator } from '../clients/typescript/src/emulator.js';
import { User } from '../src/schema/entities/user.entity.js';
import { call, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { STORY } from './support/emulator-story.js';
import type { Cast, Side } from './support/emulator-story.js';
import { freePort } from './support/free-port.js';
import { newServiceAccount } from './support/oauth.js';
import type { TestCaller } from './support/world.js';

const ORIGIN = 'https://learn.example.com';
/** The headers by which clients and browsers decide something. */
const HEADERS = ['cache-control', 'deprecation', 'link', 'location', 'pragma', 'retry-after', 'www-authenticate'];

let t: TestApp;
let emulator: Emulator;
const answers: Record<'service' | 'emulator', Map<string, object>> = { service: new Map(), emulator: new Map() };

beforeAll(async () => {
  const port = await freePort();
  t = await TestApp.start({ PUBLIC_URL: `http://127.0.0.1:${port}` }, port);
  const organizationId = await t.world.organization();
  const caller = await t.world.caller({
    organizationId,
    permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'],
    origins: [ORIGIN],
  });
  const weak = await t.world.caller({ organizationId, permissions: [] });
  const account = await newServiceAccount(t, organizationId);
  const cast: Cast = { ...(await people(organizationId)), callerToken: caller.token, weakToken: weak.token, account };
  for (const id of [caller.id, account.id]) await t.world.allow(id, cast.group, 'MANAGE');
  emulator = await createEmulator({ seed: seedOf(cast, organizationId, caller, weak) });
  const service: Side = {
    url: t.url,
    cast,
    call: (path, options) => t.call(path, options),
    advance: (seconds) => t.clock.advance(seconds),
    removeWeak: async () => {
      await t.world.write((db) => db.update(User, { id: weak.id }, { status: 'BLOCKED' }));
      // The service believes the database for 1.5 seconds.
      await new Promise((done) => setTimeout(done, 2100));
    },
    kept: {},
  };
  const emulated: Side = {
    url: emulator.url,
    cast,
    call: (path, options) => call(emulator.url, path, options),
    advance: (seconds) => emulator.advance({ seconds }),
    removeWeak: async () => emulator.users.remove(weak.id),
    kept: {},
  };
  for (const [name, take] of STORY) {
    answers.service.set(name, shown(await take(service), service));
    answers.emulator.set(name, shown(await take(emulated), emulated));
  }
});
afterAll(async () => {
  await emulator.close();
  await t.stop();
});

async function people(organizationId: string): Promise<Omit<Cast, 'callerToken' | 'weakToken' | 'account'>> {
  const thirdParty = await t.world.thirdParty(organizationId);
  const [group, otherGroup] = [await t.world.group(organizationId), await t.world.group(organizationId, 'Other')];
  const user = (name: string, more: object = {}): Promise<string> => t.world.user({ name, organizationId, ...more });
  const anna = await user('Anna', { emailAddress: 'anna@demo.example', thirdPartyId: [thirdParty, '4711'] });
  const [bo, stranger, invited, boss] = await Promise.all(
    ['Bo', 'Stranger', 'Invited', 'Boss'].map((name) => user(name)),
  );
  const blocked = await user('Blocked', { status: 'BLOCKED' });
  for (const id of [anna, bo!, blocked, boss!]) await t.world.join(id, group);
  await t.world.join(stranger!, otherGroup);
  await t.world.join(invited!, group, 'INVITED');
  await t.world.grant(boss!, 'VIEW_AUDIT_LOG');
  return { anna, bo: bo!, stranger: stranger!, blocked, invited: invited!, boss: boss!, thirdParty, group, otherGroup };
}

/** The same people as in the service. */
function seedOf(cast: Cast, organizationId: string, caller: TestCaller, weak: TestCaller) {
  const { anna, bo, stranger, blocked, invited, boss, thirdParty, account } = cast;
  const groups = ['Class 2B'];
  return {
    organization: { id: organizationId, name: 'Academy' },
    groups: [
      { id: cast.group, name: 'Class 2B' },
      { id: cast.otherGroup, name: 'Other' },
    ],
    clients: [
      { id: caller.clientId, name: 'Host', origins: [ORIGIN] },
      { id: account.clientId, name: 'Portal' },
    ],
    users: [
      { id: anna, name: 'Anna', emailAddress: 'anna@demo.example', thirdPartyIds: { [thirdParty]: '4711' }, groups },
      { id: bo, name: 'Bo', groups },
      { id: stranger, name: 'Stranger', groups: ['Other'] },
      { id: blocked, name: 'Blocked', groups, status: 'BLOCKED' as const },
      { id: invited, name: 'Invited', invitedTo: groups },
      { id: boss, name: 'Boss', groups, permissions: ['VIEW_AUDIT_LOG'] },
    ],
    staff: [
      {
        id: caller.id,
        name: 'Host system',
        token: caller.token,
        manages: groups,
        permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'],
      },
      { id: weak.id, name: 'Host system', token: weak.token, manages: [] },
    ],
    serviceAccounts: [
      {
        id: account.id,
        name: 'Portal',
        keyId: account.keyId,
        client: 'Portal',
        manages: groups,
        publicKey: createPublicKey(account.privateKey).export({ type: 'spki', format: 'pem' }).toString(),
      },
    ],
  };
}

/** An answer without what differs each time: addresses, instants, tokens and made IDs. */
function shown({ status, headers, text, body }: Answer, { url, kept }: Side): object {
  const same = (given: string): string =>
    given
      .replaceAll(url, '<url>')
      .replaceAll(url.replace('http:', 'https:'), '<https url>')
      .replaceAll(/eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g, '<jwt>')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<instant>')
      // The two are not asked in the same second.
      .replaceAll('"expires_in":119', '"expires_in":120')
      .replaceAll(/"jti":"[\w-]+"/g, '"jti":"<id>"')
      .replaceAll(kept.carla ?? '<none>', '<carla>');
  const jwt = /eyJ[\w-]+\.(eyJ[\w-]+)\./.exec(text);
  const isPage = headers.get('content-type')?.startsWith('text/html') ?? false;
  return {
    status,
    type: headers.get('content-type'),
    headers: Object.fromEntries(HEADERS.map((name) => [name, headers.get(name) && same(headers.get(name)!)])),
    cookies: headers.getSetCookie().map((cookie) => attributesOf(cookie)),
    hasRequestId: headers.has('x-request-id'),
    claims: jwt && Object.keys(JSON.parse(Buffer.from(jwt[1]!, 'base64url').toString()) as object).toSorted(),
    body: isPage ? 'a page' : body === undefined ? text : JSON.parse(same(JSON.stringify(body))),
  };
}

/** A cookie as browsers understand it: its attributes in any order, and its value only if it is empty. */
function attributesOf(cookie: string): string[] {
  const [pair, ...attributes] = cookie.split('; ');
  return [pair!.replace(/=.+/, '=<value>'), ...attributes.map((attribute) => attribute.toLowerCase()).toSorted()];
}

describe('the emulator answers as the service does', () => {
  it.each(STORY.map(([name]) => name))('%s', (name) => {
    expect(answers.emulator.get(name)).toEqual(answers.service.get(name));
  });
});
