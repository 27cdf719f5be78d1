import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importPKCS8, SignJWT } from 'jose';
import { newId } from '../src/common/id.js';
import { PERMISSIONS } from '../src/schema/entities/account-permission.entity.js';
import { EmailAddress } from '../src/schema/entities/email-address.entity.js';
import { Password } from '../src/schema/entities/password.entity.js';
import { PasswordsService } from '../src/users/passwords.service.js';
import { PUBLIC_URL, TestApp } from './support/app.js';
import { pipeToCli, runCli, typeToCli } from './support/built-cli.js';
import { runCommand } from './support/command-line.js';
import { Browser, JWT_BEARER, newPerson, REDIRECT_URI, requestToken } from './support/oauth.js';
import { keyFiles } from './support/public-keys.js';
import type { TestCaller } from './support/world.js';

let t: TestApp;
let directory: string;

beforeAll(async () => {
  t = await TestApp.start();
  directory = mkdtempSync(join(tmpdir(), 'latchkey-cli-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await t.stop();
});

/** What a command that succeeds prints for a program. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(t, ...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr });
  return stdout.trimEnd();
}

/** What a command that fails says; it prints nothing for a program. */
async function fail(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(t, ...args);
  expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: '' });
  return stderr;
}

/** What a command that succeeds says to a person, where it prints nothing for a program. */
async function messageOf(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(t, ...args);
  expect({ args, code, stdout }).toEqual({ args, code: 0, stdout: '' });
  return stderr;
}

/** Where the service account may send `sub`, or why not. */
async function ask(id: string, kid: string, privateKey: string, sub: string): Promise<string> {
  const assertion = await new SignJWT({ jti: newId() })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(id)
    .setSubject(sub)
    .setAudience(`${PUBLIC_URL}/oauth/token`)
    .setExpirationTime('5m')
    .sign(await importPKCS8(privateKey, 'ES256'));
  const resource = `${PUBLIC_URL}/login`;
  const { body } = await requestToken(t.url, { grant_type: JWT_BEARER, assertion, resource });
  return body.url ?? body.error;
}

it('S38: a password that is piped in is text in UTF-8, or refused', async () => {
  const id = await t.world.user();
  const set = (password: string, encoding: BufferEncoding) =>
    pipeToCli(Buffer.from(`${password}\r\nmore`, encoding), 'password', '--user', id);
  const refusal = { code: 1, stderr: expect.stringContaining('UTF-8') };
  expect(await set('zo\xeb zegt honderd', 'latin1')).toMatchObject(refusal);
  expect(await set('a long enough\0password', 'utf8')).toMatchObject(refusal);
  expect(await t.world.write((db) => db.countBy(Password, { userId: id }))).toBe(0);
  expect(await set('zo\xeb zegt honderd', 'utf8')).toMatchObject({ code: 0 });
  const { hash } = await t.world.write((db) => db.findOneByOrFail(Password, { userId: id }));
  expect(await t.nest.get(PasswordsService, { strict: false }).matches(hash, 'zo\xeb zegt honderd')).toBe(true);
});

it('a password is asked for twice on a terminal, and shown neither time', async () => {
  const { id } = await newPerson(t, await t.world.organization());
  const next = 'seventeen purple otters';
  const different = await typeToCli([next, `${next}!`], 'password', '--user', id);
  expect(different).toMatchObject({ code: 1, stdout: expect.stringContaining('The two passwords are not the same.') });
  const { code, stdout } = await typeToCli([next, next], 'password', '--user', id);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/The password is set\. .+ signs in at http:\/\/.+\/console/),
  ]);
  expect(stdout).not.toContain('otters');
  const { hash } = await t.world.write((db) => db.findOneByOrFail(Password, { userId: id }));
  expect(await t.nest.get(PasswordsService, { strict: false }).matches(hash, next)).toBe(true);
});

it('a link for a password is printed, and is refused for whoever has no address', async () => {
  const { id, emailAddress } = await newPerson(t, await t.world.organization());
  const { code, stdout } = await runCli('password-link', '--user', emailAddress);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^http:\/\/latchkey\.test\/oauth\/password\?token=[\w-]{43}\n$/),
  ]);
  const form = { password: 'seventeen purple otters', again: 'seventeen purple otters' };
  const { text } = await new Browser(t).open(stdout.trim().replace(PUBLIC_URL, ''), form);
  expect(text).toContain('Your password has been set');
  await t.world.write((db) => db.delete(EmailAddress, { userId: id }));
  expect(await runCli('password-link', '--user', id)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('no e-mail address to sign in with'),
  });
});

it('every command is one of `npm run latchkey`', async () => {
  const { stdout } = await runCli('--help');
  for (const name of ['organizations', 'clients', 'service-accounts', 'staff', 'groups', 'permissions'])
    expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(await runCli('clients', 'delete', 'x')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^latchkey: There is no client with this ID\.$/m),
  });
});

describe('an empty database', () => {
  it('gets an organization, its administrator, a third party and a client, and with them a caller', async () => {
    const organizationId = await run(
      'organizations',
      'create',
      'Harbour School',
      '--email=office@harbour.example',
      '--locale=nl-NL',
      '--admin-email=Head@Harbour.example',
      '--admin-name=Hanne Head',
    );
    expect(organizationId).toMatch(/^[\w-]{22}$/);
    expect(await run('organizations', 'list')).toContain(`${organizationId}\tHarbour School`);
    await run('organizations', 'add-third-party', 'Harbour School', 'HARBOUR-LMS');
    const client = await run('clients', 'create', '-o', organizationId, '-n', 'Host', '--redirect-uri', REDIRECT_URI);
    const [, id, secret] = /^client_id=([\da-f]{32})\nclient_secret=([\w-]{43})$/.exec(client)!;
    const refused = await requestToken(t.url, { grant_type: 'refresh_token', refresh_token: 'x' }, {
      id,
      secret,
    } as never);
    expect(refused.body.error).toBe('invalid_grant');

    const { code, stdout } = await runCli('token', '--user', 'head@harbour.example');
    expect(code).toBe(0);
    const token = stdout.trimEnd();
    const head = await t.as({ token })('/user');
    expect(head.body).toMatchObject({ name: 'Hanne Head', organization: { id: organizationId } });
    expect((await run('permissions', 'list', 'head@harbour.example')).split('\n')).toEqual(PERMISSIONS);
    expect((await t.as({ token })('/organization')).body).toEqual({
      type: 'ORGANIZATION',
      id: organizationId,
      name: 'Harbour School',
      emailAddress: 'office@harbour.example',
      locale: 'nl-NL',
      thirdParties: ['HARBOUR-LMS'],
      requiresPasskeys: false,
    });
  });

  it.each([
    ['a name that is taken', 'There is already an organization', ['organizations', 'create', 'Harbour School']],
    ['half an administrator', 'both', ['organizations', 'create', 'New', '--admin-name', 'N']],
    [
      'an administrator whose address is taken',
      'Another account',
      ['organizations', 'create', 'New', '--admin-email', 'head@harbour.example', '--admin-name', 'N'],
    ],
    [
      'an administrator with no address',
      'e-mail address is malformed',
      ['organizations', 'create', 'New', '--admin-email', 'x', '--admin-name', 'N'],
    ],
    ['a language that is none', 'locale', ['organizations', 'create', 'New', '--locale', '!']],
    ['a code that is none', 'A code must have', ['organizations', 'add-third-party', 'Harbour School', 'a b']],
    ['an unknown organization', 'There is no organization', ['organizations', 'add-third-party', 'Nowhere', 'X']],
  ])('gets nothing from %s', async (_title, message, args) => {
    expect(await fail(...args)).toContain(message);
    expect(await run('organizations', 'list')).not.toContain('\tNew');
  });

  it('gives a code to one organization only', async () => {
    const code = await t.world.thirdParty(await t.world.organization('Other school'));
    expect(await fail('organizations', 'add-third-party', 'Harbour School', code)).toContain('Another organization');
  });
});

describe('the commands for webhooks', () => {
  it('make one, show it, replace its key, send again, disable, enable and delete it', async () => {
    const admin = await t.world.caller({ permissions: [...PERMISSIONS] });
    const url = 'https://receiver.example/webhooks';
    const created = await run('webhooks', 'create', url, '-o', admin.organizationId, '--event', 'SESSION_ENDED');
    const [, id, key] = /^id=([\w-]{22})\npublic_key=(whpk_\S{44})$/.exec(created)!;
    const { body } = await t.as(admin)(`/webhook/${id}`);
    expect(body).toMatchObject({ url, events: ['SESSION_ENDED'], keys: [{ publicKey: key }] });
    expect(JSON.parse(await run('webhooks', 'show', id!))).toEqual(body);
    expect(await run('webhooks', 'rotate', id!, '--key-type', 'hmac')).toMatch(
      new RegExp(`^id=${id}\nsecret=whsec_\\S{44}$`),
    );
    await run('webhooks', 'replay', id!, '--from', '2026-01-11T00:00:00Z');
    expect(await fail('webhooks', 'replay', id!, '--from', 'yesterday')).toContain('from must be an instant');
    await run('webhooks', 'disable', id!);
    const list = await run('webhooks', 'list', '-o', admin.organizationId);
    expect(list.split('\t')).toEqual([id, 'by_administrator', expect.any(String), url]);
    await run('webhooks', 'enable', id!);
    expect(await run('webhooks', 'list', '-o', admin.organizationId)).toContain('\tenabled\t');
    await run('webhooks', 'delete', id!);
    expect(await fail('webhooks', 'delete', id!)).toContain('There is no webhook');
    expect(await fail('webhooks', 'create', 'http://receiver.example/', '-o', admin.organizationId)).toContain('https');
  });
});

describe('the commands for clients', () => {
  let admin: TestCaller;

  beforeAll(async () => {
    admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  });

  it('register, change and delete one', async () => {
    const created = await run(
      'clients',
      'create',
      `--organization=${admin.organizationId}`,
      '--name=Application',
      '--public',
      '--redirect-uri=com.example.app:/cb',
      `--redirect-uri=${REDIRECT_URI}`,
      '--origin=https://a.example',
    );
    const [, id] = /^client_id=([\da-f]{32})$/.exec(created)!;
    const { body } = await t.as(admin)(`/client/${id}`);
    expect(body).toMatchObject({
      isPublic: true,
      redirectUris: ['com.example.app:/cb', REDIRECT_URI],
      origins: ['https://a.example'],
    });
    expect(JSON.parse(await run('clients', 'show', id!))).toEqual(body);
    expect(await run('clients', 'list', '-o', admin.organizationId)).toContain(`${id}\tpublic\tApplication`);
    await run('clients', 'change', id!, '--name', 'Renamed', '--origin', 'https://b.example');
    expect((await t.as(admin)(`/client/${id}`)).body).toEqual({
      ...body,
      name: 'Renamed',
      origins: ['https://b.example'],
    });
    await run('clients', 'delete', id!);
    expect((await t.as(admin)(`/client/${id}`)).status).toBe(404);
    expect(await fail('clients', 'delete', id!)).toContain('There is no client');
  });

  it('set what makes a client an application, and take it away', async () => {
    const admin = await t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
    const addresses = {
      initiateLoginUri: 'https://app.example/oidc/login',
      startUri: 'https://app.example/login',
      hostUri: 'https://intranet.example/learning',
      backchannelLogoutUri: 'https://app.example/oidc/logout',
    };
    const options = {
      organization: admin.organizationId,
      name: 'Wiki',
      origin: 'https://app.example',
      'initiate-login-uri': addresses.initiateLoginUri,
      'start-uri': addresses.startUri,
      'host-uri': addresses.hostUri,
      'backchannel-logout-uri': addresses.backchannelLogoutUri,
      'backchannel-logout-session-required': 'false',
      'id-token-signed-response-alg': 'ES256',
      'token-endpoint-auth-method': 'client_secret_post',
    };
    const logout = ['https://app.example/a', 'https://app.example/b'];
    const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const after = logout.flatMap((uri) => ['--post-logout-redirect-uri', uri]);
    const id = idIn(await run('clients', 'create', ...given, ...after));
    const shown = async (): Promise<unknown> => (await t.as(admin)(`/client/${id}`)).body;
    expect(await shown()).toMatchObject({
      ...addresses,
      postLogoutRedirectUris: logout,
      backchannelLogoutSessionRequired: false,
      idTokenSignedResponseAlg: 'ES256',
      tokenEndpointAuthMethod: 'client_secret_post',
    });
    await run('clients', 'change', id, '--start-uri', '', '--token-endpoint-auth-method', 'any');
    for (const field of ['startUri', 'tokenEndpointAuthMethod']) expect(await shown()).not.toHaveProperty(field);
    expect(await fail('clients', 'change', id, '--start-uri', 'https://b.example/')).toContain('one of the origins');
    expect(await fail('clients', 'change', id, '--id-token-signed-response-alg', 'none')).toContain('RS256');
  });

  it('say which clients are compatible with Drillster', async () => {
    const create = (...options: string[]): Promise<string> =>
      run('clients', 'create', '-o', admin.organizationId, '-n', 'H', '--redirect-uri', REDIRECT_URI, ...options);
    const strict = idIn(await create());
    expect(await compatibilityOf(admin, strict)).toBeUndefined();
    const lenient = idIn(await create('--compatibility', 'drillster'));
    expect(await compatibilityOf(admin, lenient)).toBe('drillster');
    await run('clients', 'change', lenient, '--compatibility', 'none');
    expect(await compatibilityOf(admin, lenient)).toBeUndefined();
    await run('clients', 'change', strict, '--compatibility', 'drillster');
    expect(await compatibilityOf(admin, strict)).toBe('drillster');
    expect(await fail('clients', 'change', strict, '--compatibility', 'keycloak')).toContain('drillster');
  });

  it('rotate a secret without a gap', async () => {
    const created = await run(
      'clients',
      'create',
      '-o',
      admin.organizationId,
      '-n',
      'H',
      '--redirect-uri',
      REDIRECT_URI,
    );
    const [, id, first] = /^client_id=(\S+)\nclient_secret=(\S+)$/.exec(created)!;
    const rotated = await runCommand(t, 'clients', 'rotate-secret', id!);
    const second = rotated.stdout.trimEnd();
    expect(second).toMatch(/^[\w-]{43}$/);
    expect(rotated.stderr).not.toContain(second);
    const outcome = async (secret: string): Promise<string> =>
      (await requestToken(t.url, { grant_type: 'refresh_token', refresh_token: 'x' }, { id: id!, secret })).body.error;
    expect([await outcome(first!), await outcome(second)]).toEqual(['invalid_grant', 'invalid_grant']);
    const { secrets } = JSON.parse(await run('clients', 'show', id!)) as { secrets: { id: string }[] };
    const secretId = /The ID of the secret is (\S+)\./.exec(rotated.stderr)![1]!;
    await run('clients', 'delete-secret', id!, secrets.find((secret) => secret.id !== secretId)!.id);
    expect([await outcome(first!), await outcome(second)]).toEqual(['invalid_client', 'invalid_grant']);
  });

  it('read keys from a file, and refuse what the API refuses', async () => {
    const file = join(directory, 'jwks.json');
    const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    writeFileSync(file, JSON.stringify({ keys: [jwk] }));
    const create = ['clients', 'create', '-o', admin.organizationId, '-n', 'Keys'];
    expect(await run(...create, '--jwks', file)).toMatch(/^client_id=[\da-f]{32}$/);
    for (const [message, ...options] of [
      ['is not a valid redirect URI', '--redirect-uri', 'javascript:alert(1)'],
      ['is not an origin', '--origin', 'https://a.example/'],
      ['A public client cannot have keys', '--jwks', file, '--public'],
      ['no such file', '--jwks', `${file}.missing`],
    ])
      expect(await fail(...create, ...options)).toContain(message);
    const account = await run('service-accounts', 'create', '-o', admin.organizationId, '-n', 'Portal');
    const { clientId } = (await t.as(admin)(`/service-account/${account}`)).body;
    expect(await fail('clients', 'delete', clientId)).toContain('A service account uses this client');
    expect(await fail('clients', 'rotate-secret', clientId)).toContain('The client has no secrets: it is public');
  });
});

describe('the commands for service accounts', () => {
  let admin: TestCaller;

  beforeAll(async () => {
    admin = await t.world.caller({ permissions: [...PERMISSIONS] });
  });

  it('take a host from nothing to letting a user in, and back', async () => {
    const { id: user, groupId } = await t.world.userOf(admin);
    const id = await run('service-accounts', 'create', '-o', admin.organizationId, '-n', 'Portal');
    const file = join(directory, 'portal.pem');
    const kid = await run('service-accounts', 'generate-key', id, '--out', file);
    const privateKey = readFileSync(file, 'utf8');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await fail('service-accounts', 'generate-key', id, '--out', file)).toContain('EEXIST');
    expect(await ask(id, kid, privateKey, user)).toBe('invalid_grant');
    await run('permissions', 'grant', id, 'OBTAIN_ACCESS_TOKENS');
    await run('permissions', 'grant', id, 'MANAGE', '--group', groupId);
    expect(await ask(id, kid, privateKey, user)).toMatch(/\/login\?token=/);
    expect(await run('service-accounts', 'list', '-o', admin.organizationId)).toMatch(
      new RegExp(`^${id}\tACTIVE\t[\\da-f]{32}\tPortal$`),
    );
    await run('permissions', 'revoke', id, 'MANAGE', '--group', groupId);
    expect(await ask(id, kid, privateKey, user)).toBe('invalid_grant');
    await run('permissions', 'grant', id, 'MANAGE', '--group', groupId);
    await run('service-accounts', 'revoke-key', kid);
    expect(await ask(id, kid, privateKey, user)).toBe('invalid_grant');
    expect(await run('service-accounts', 'list-keys', id)).toMatch(new RegExp(`^${kid}\tES256\t\\S+Z\t\\S+Z$`));
    await run('service-accounts', 'delete', id);
    expect((await t.as(admin)(`/user/${id}`)).status).toBe(404);
    expect(await fail('service-accounts', 'delete', id)).toContain('There is no service account');
  });

  it('print a private key to the one stream, and its kid to the other', async () => {
    const id = await run('service-accounts', 'create', '-o', admin.organizationId, '-n', 'Portal');
    const { stdout, stderr } = await runCommand(t, 'service-accounts', 'generate-key', id);
    const [, kid] = /^kid: ([\w-]{22})$/m.exec(stderr)!;
    const { keys } = (await t.as(admin)(`/service-account/${id}/keys`)).body;
    expect(keys).toMatchObject([{ kid, algorithm: 'ES256' }]);
    expect(createPublicKey(createPrivateKey(stdout)).equals(createPublicKey(keys[0].publicKey))).toBe(true);
  });

  it('register a public key, and refuse a private one', async () => {
    const id = await run('service-accounts', 'create', '-o', admin.organizationId, '-n', 'Portal');
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [good, bad] = [join(directory, 'key.pub'), join(directory, 'key.pem')];
    writeFileSync(good, publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(bad, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(await run('service-accounts', 'add-key', id, good)).toMatch(/^[\w-]{22}$/);
    expect(await fail('service-accounts', 'add-key', id, bad)).toContain('This is a private key');
    expect(await fail('service-accounts', 'add-key', admin.id, good)).toContain('There is no service account');
    expect(await fail('service-accounts', 'revoke-key', newId())).toContain('There is no key');
  });

  it('register a public key from each kind of file in which people have one', async () => {
    const id = await run('service-accounts', 'create', '-o', admin.organizationId, '-n', 'Portal');
    const path = join(directory, 'given');
    for (const { file, pem } of keyFiles()) {
      writeFileSync(path, file);
      const kid = await run('service-accounts', 'add-key', id, path);
      const { keys } = (await t.as(admin)(`/service-account/${id}/keys`)).body;
      expect(keys).toContainEqual(expect.objectContaining({ kid, publicKey: pem }));
    }
    writeFileSync(path, 'something else');
    expect(await fail('service-accounts', 'add-key', id, path)).toMatch(/PEM.*DER.*certificate.*OpenSSH.*JWK/);
  });

  it.each([
    ['a permission on no group', ['MANAGE'], 'need --group'],
    ['an account permission on a group', ['MANAGE_USERS', '--group', 'x'], 'need --group'],
    ['a group that there is not', ['VIEW', '--group', 'Nowhere'], 'has no group'],
    ['a permission that there is not', ['EVERYTHING'], 'Allowed choices'],
  ])('grant no %s', async (_title, args, message) => {
    expect(await fail('permissions', 'grant', admin.id, ...args)).toContain(message);
  });

  it('grant nothing to whoever is on no staff', async () => {
    const user = await t.world.user({ organizationId: admin.organizationId });
    expect(await fail('permissions', 'grant', user, 'MANAGE_USERS')).toContain('There is no such user on the staff');
    expect(await fail('permissions', 'list', 'self')).toContain('nobody is signed in');
  });

  it('take a group by its name where one group has it', async () => {
    const account = await run('service-accounts', 'create', '-o', admin.organizationId, '-n', 'Portal');
    const groupId = await t.world.group(admin.organizationId, 'Unique class');
    for (let i = 0; i < 2; i++) await t.world.group(admin.organizationId, 'Twin class');
    await run('permissions', 'grant', account, 'VIEW', '-g', 'Unique class');
    const { body } = await t.as(admin)(`/group/${groupId}/staff`);
    expect(body.groupStaffUsers).toMatchObject([{ user: { id: account }, permission: 'VIEW' }]);
    expect(await fail('permissions', 'grant', account, 'VIEW', '-g', 'Twin class')).toContain('Several groups');
  });
});

describe('the commands for staff and groups', () => {
  let organization: string;
  const ADMIN = 'first@staff.example';

  beforeAll(async () => {
    organization = await run('organizations', 'create', 'Staff School', `--admin-email=${ADMIN}`, '--admin-name=First');
  });

  it('appoint and dismiss, and leave the account', async () => {
    expect(await fail('staff', 'appoint', 'second@staff.example', '-o', organization)).toContain('--name');
    const id = await run('staff', 'appoint', 'second@staff.example', '-o', organization, '-n', 'Second');
    expect((await run('staff', 'list', '-o', organization)).split('\n')).toEqual([
      expect.stringMatching(/^\S{22}\tfirst@staff\.example\tFirst$/),
      `${id}\tsecond@staff.example\tSecond`,
    ]);
    expect(await fail('staff', 'appoint', id, '-o', organization)).not.toBe('');
    const other = await t.world.organization('Other staff');
    expect(await fail('staff', 'appoint', id, '-o', other)).not.toBe('');
    await run('staff', 'dismiss', id);
    expect(await fail('staff', 'dismiss', id)).toContain('no such user on the staff');
    expect(await run('staff', 'appoint', id, '-o', organization)).toBe(id);
    await run('staff', 'dismiss', id);
  });

  it('make and delete groups, and give rights on them', async () => {
    const id = await run('groups', 'create', 'Class 2B', '-o', organization, '--custom-reference', '2B');
    expect(await run('groups', 'list', '-o', organization)).toBe(`${id}\t0\tClass 2B`);
    await run('permissions', 'grant', ADMIN, 'MANAGE', '--group', '2B');
    expect(await fail('staff', 'dismiss', ADMIN)).not.toBe('');
    await run('permissions', 'revoke', ADMIN, 'MANAGE', '--group', '2B');
    await run('groups', 'delete', '2B', '-o', organization);
    expect(await run('groups', 'list', '-o', organization)).toBe('');
  });

  it('never take the last MANAGE_STAFF away, not even two at once', async () => {
    const last = 'This is the last account that can manage the staff of its organization.';
    expect(await fail('permissions', 'revoke', ADMIN, 'MANAGE_STAFF')).toContain(last);
    expect(await fail('staff', 'dismiss', ADMIN)).toContain(last);
    const robot = await run('service-accounts', 'create', '-o', organization, '-n', 'Robot');
    await run('permissions', 'grant', robot, 'MANAGE_STAFF');
    await run('permissions', 'revoke', ADMIN, 'MANAGE_STAFF');
    expect(await fail('service-accounts', 'delete', robot)).toContain(last);
    await run('permissions', 'grant', ADMIN, 'MANAGE_STAFF');
    const results = await Promise.all(
      [ADMIN, robot].map((user) => runCli('permissions', 'revoke', user, 'MANAGE_STAFF').then(({ code }) => code)),
    );
    expect(results.toSorted()).toEqual([0, 1]);
  }, 120_000);
});

describe('what a command says', () => {
  it('is JSON for a program with --json, before or after the command', async () => {
    const { id } = JSON.parse(await run('organizations', 'create', 'JSON School', '--json'));
    expect(JSON.parse(await run('organizations', '--json', 'list'))).toContainEqual({ id, name: 'JSON School' });
    const client = JSON.parse(
      await run('clients', 'create', '-o', id, '-n', 'Host', '--redirect-uri', REDIRECT_URI, '--json'),
    );
    expect(client).toEqual({
      client_id: expect.stringMatching(/^[\da-f]{32}$/),
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(JSON.parse(await run('clients', 'list', '-o', id, '--json'))).toEqual([
      JSON.parse(await run('clients', 'show', client.client_id)),
    ]);
    const robot = JSON.parse(await run('service-accounts', 'create', '-o', id, '-n', 'Robot', '--json')).id;
    expect(JSON.parse(await run('service-accounts', 'list', '-o', id, '--json'))).toMatchObject([
      { id: robot, name: 'Robot' },
    ]);
    const key = JSON.parse(await run('service-accounts', 'generate-key', robot, '--json'));
    expect(createPrivateKey(key.privateKey).type).toBe('private');
    expect(JSON.parse(await run('service-accounts', 'list-keys', robot, '--json'))).toMatchObject([{ kid: key.kid }]);
    expect(JSON.parse(await run('permissions', 'list', robot, '--json'))).toEqual([]);
    expect(JSON.parse(await run('staff', 'list', '-o', id, '--json'))).toMatchObject([{ id: robot }]);
    const group = JSON.parse(await run('groups', 'create', 'G', '-o', id, '--json'));
    expect(JSON.parse(await run('groups', 'list', '-o', id, '--json'))).toMatchObject([{ id: group.id, name: 'G' }]);
  });

  it('confirms to a person every change that prints nothing', async () => {
    const id = await run('organizations', 'create', 'Confirming School');
    expect(await messageOf('organizations', 'add-third-party', id, 'CONFIRMED')).toBe(
      'Confirming School has the third party CONFIRMED.\n',
    );
    const robot = await run('service-accounts', 'create', '-o', id, '-n', 'Robot');
    expect(await messageOf('permissions', 'grant', robot, 'MANAGE_USERS')).toBe('Robot has MANAGE_USERS.\n');
    expect(await messageOf('permissions', 'revoke', robot, 'MANAGE_USERS')).toBe('Robot no longer has MANAGE_USERS.\n');
    const { kid } = JSON.parse(await run('service-accounts', 'generate-key', robot, '--json'));
    expect(await messageOf('service-accounts', 'revoke-key', kid)).toBe(`The key ${kid} is revoked.\n`);
    expect(await messageOf('service-accounts', 'delete', robot)).toBe(`The service account ${robot} is deleted.\n`);
    const created = await run('clients', 'create', '-o', id, '-n', 'Host', '--redirect-uri', REDIRECT_URI);
    const client = /^client_id=(.*)$/m.exec(created)![1]!;
    expect(await messageOf('clients', 'change', client, '-n', 'Portal')).toBe(`The client ${client} is changed.\n`);
    expect(await messageOf('clients', 'delete', client)).toBe(`The client Portal (${client}) is deleted.\n`);
    await run('groups', 'create', 'G', '-o', id);
    expect(await messageOf('groups', 'delete', 'G', '-o', id)).toBe('The group G is deleted.\n');
  });

  it('explains every permission in its help', async () => {
    const { stdout } = await runCli('permissions', 'grant', '--help');
    for (const permission of [...PERMISSIONS, 'MANAGE', 'VIEW'])
      expect(stdout).toMatch(new RegExp(`^  ${permission} +\\w.{10,}`, 'm'));
    expect(stdout).toContain('--json');
  }, 60_000);
});

async function compatibilityOf(admin: TestCaller, id: string): Promise<unknown> {
  return ((await t.as(admin)(`/client/${id}`)).body as { compatibility?: string }).compatibility;
}

function idIn(output: string): string {
  return /^client_id=(\S+)$/m.exec(output)![1]!;
}
