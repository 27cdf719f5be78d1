import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { hashSecret, newSecret } from '../src/common/id.js';
import { AccountPermission } from '../src/schema/entities/account-permission.entity.js';
import { TestApp } from './support/app.js';
import { runCommand } from './support/command-line.js';
import { actionOf, authorizeQuery, Browser, newPerson, PASSWORD, requestToken } from './support/oauth.js';

const PUBLIC_URL = 'https://login.school.example';

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start({ NODE_ENV: 'production', PUBLIC_URL });
});
afterAll(() => t.stop());

it('clients explorer lets an administrator sign in at /docs in production', async () => {
  const organizationId = await t.world.organization();
  const { id: userId, emailAddress } = await newPerson(t, organizationId);
  await t.world.write((db) => db.insert(AccountPermission, { userId, permission: 'MANAGE_SERVICE_ACCOUNTS' }));
  // What the page itself says that it signs in with.
  const { text: script } = await t.call('/docs/start.js');
  const [, redirectUri] = /oauth2RedirectUrl: '([^']+)'/.exec(script)!;
  const { clientId } = JSON.parse(/initOAuth\((.+)\)/.exec(script)![1]!);
  const client = { id: clientId, secret: '' };
  const verifier = newSecret();
  const query = authorizeQuery(client, {
    redirect_uri: redirectUri!,
    code_challenge: hashSecret(verifier),
    code_challenge_method: 'S256',
  });
  const opened: string[] = [];
  const call: TestApp['call'] = (path, options) => {
    opened.push(path);
    return t.call(path, options);
  };
  const browser = new Browser({ call }, PUBLIC_URL);
  const before = await browser.open(`/oauth/authorize?${query}`);
  expect([before.status, before.text]).toEqual([400, expect.stringContaining('client')]);

  for (let time = 1; time <= 2; time++) {
    const made = await runCommand(t, 'clients', 'explorer', '-o', organizationId);
    expect(made).toMatchObject({ code: 0, stdout: `client_id=${clientId}\n` });
  }
  const signIn = await browser.open(`/oauth/authorize?${query}`);
  const consent = await browser.open(actionOf(signIn), { email: emailAddress, password: PASSWORD });
  const page = await browser.open(actionOf(consent), { answer: 'allow' });
  const target = new URL(PUBLIC_URL + opened.at(-1));
  expect([page.status, target.origin + target.pathname]).toEqual([200, redirectUri]);
  const fields = {
    grant_type: 'authorization_code',
    code: target.searchParams.get('code')!,
    redirect_uri: redirectUri!,
    code_verifier: verifier,
  };
  const { body } = await requestToken(t.url, fields, client);
  const { body: list } = await t.as({ token: body.access_token })('/clients');
  expect(list.clients).toEqual([
    expect.objectContaining({ id: clientId, isPublic: true, redirectUris: [redirectUri] }),
  ]);
});
