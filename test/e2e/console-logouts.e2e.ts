import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { ApplicationSessionsService } from '../../src/applications/application-sessions.service.js';
import { Client } from '../../src/schema/entities/client.entity.js';
import { ConsoleBrowser, faults, NARROW, widthOf } from '../support/console.js';
import { decode } from '../support/forge.js';
import { LogoutReceiver } from '../support/logout-receiver.js';
import { newClient } from '../support/oauth.js';
import type { TestCaller } from '../support/world.js';

let c: ConsoleBrowser;
let administrator: string;
let host: TestCaller;
let receiver: LogoutReceiver;
let application: string;
let anna: string;
let clientPage: string;
let personPage: string;

beforeAll(async () => {
  c = await ConsoleBrowser.start();
  administrator = await c.person('MANAGE_USERS', 'MANAGE_SERVICE_ACCOUNTS');
  const { organizationId } = c;
  host = await c.t.world.caller({ organizationId, permissions: ['OBTAIN_ACCESS_TOKENS', 'MANAGE_USERS'] });
  ({ id: anna } = await c.t.world.userOf(host, { name: 'Anna Jansen' }));
  receiver = await LogoutReceiver.start();
  receiver.answer = (response) => response.writeHead(503).end();
  ({ id: application } = await newClient(c.t, organizationId));
  const fields = { name: 'Moodle', backchannelLogoutUri: receiver.url };
  await c.t.world.write((db) => db.update(Client, { id: application }, fields));
  [clientPage, personPage] = [`/console/clients/${application}`, `/console/people/${anna}`];
});
afterAll(async () => {
  await c?.stop();
  await receiver?.stop();
});
afterEach(() => c.closePages());

/** A session of Anna that has signed in to the application. */
async function signIn(): Promise<string> {
  const token = await c.t.loginToken(host, anna);
  await c.t.login(token);
  const sessionId = decode(token).payload.jti as string;
  const signedIn = { clientId: application, userId: anna, sessionId, sid: sessionId };
  await c.t.nest.get(ApplicationSessionsService).record(signedIn);
  return sessionId;
}

function open(path: string, options = {}): Promise<Page> {
  return c.open(path, administrator, options);
}

describe('what applications know of logouts', () => {
  it('is on the page of a person: where a session has signed in', async () => {
    const session = await signIn();
    const page = await open(personPage);
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByText('Moodle: signed in').waitFor();
    expect(await faults(page)).toEqual([]);
    expect((await c.t.send(host, 'DELETE', `/session/${session}`)).status).toBe(204);
    await receiver.first(1);
  });

  it('is on the page of the application: what it has not confirmed', async () => {
    const page = await open(clientPage);
    await page.getByRole('heading', { name: 'Logouts that the application has not confirmed' }).waitFor();
    const row = page.getByRole('row', { name: /Anna Jansen/ });
    await row.getByText('It answers with status 503.').waitFor();
    expect(await faults(page)).toEqual([]);
    await row.getByRole('link', { name: 'Anna Jansen' }).click();
    await page.getByRole('heading', { name: 'Anna Jansen', level: 1 }).waitFor();
  });

  it.each(NARROW)('needs no scrolling sideways in %s', async (_, viewport) => {
    const page = await open(clientPage, { viewport });
    for (const path of [clientPage, personPage]) {
      await c.go(page, path);
      expect({ path, width: await widthOf(page) }).toEqual({ path, width: viewport.width });
    }
  });

  it('leaves the pages as small as they have to be', async () => {
    const page = await open(clientPage);
    for (const path of [clientPage, personPage]) {
      const { scripts, styles } = await c.sizesOf(page, path);
      const isSmall = scripts > 60_000 && scripts <= 130_000 && styles <= 12_000;
      expect({ path, scripts, styles, isSmall }).toEqual({ path, scripts, styles, isSmall: true });
    }
  });
});
