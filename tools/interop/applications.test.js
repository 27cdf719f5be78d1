import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Application, LIBRARIES } from './applications.js';
import { Latchkey } from './latchkey.js';

/** Milliseconds in which an application knows that a session has ended. */
const SOON_MS = 2_000;
const PAUSE_MS = 20;
const MAX_REDIRECTS = 20;
const ENGINES = process.env.TEST_DATABASE_URL ? ['SQLite', 'PostgreSQL'] : ['SQLite'];

for (const engine of ENGINES) {
  describe(`Applications with Latchkey on ${engine}`, () => {
    let latchkey;
    let application;
    before(async () => {
      latchkey = await Latchkey.start(engine);
    });
    after(() => latchkey.stop());
    afterEach(() => application.stop());

    for (const library of Object.keys(LIBRARIES)) {
      it(`one link signs in to a page with ${library}, and an administrator ends it there`, async () => {
        application = await newApplication(latchkey, library);
        const page = `${application.url}/course/1`;
        const link = await latchkey.call('GET', `access/LMS/4711?${new URLSearchParams({ returnTo: page })}`);
        const browser = new Browser();

        const landed = await browser.open(link.url);
        const { id: anna } = await latchkey.call('GET', 'user/LMS/4711');
        const shown = await landed.json();
        assert.deepEqual([landed.status, landed.url, shown.page], [200, page, '/course/1']);
        assert.equal(shown.sub, anna);
        // Every page before the last one led on by itself.
        assert.deepEqual(browser.shown, [page]);
        assert.equal((await new Browser().open(page)).status, 401);

        // A code that somebody else got signs nobody in: the application checks its state.
        const callback = callbackOf(application);
        const again = await latchkey.call('GET', `access/LMS/4711?${new URLSearchParams({ returnTo: page })}`);
        const stolen = await new Browser().open(again.url, callback);
        assert.ok(new URL(stolen).searchParams.has('code'));
        const other = new Browser();
        await other.open(stolen);
        assert.equal((await other.open(page)).status, 401);

        const { sessions } = await latchkey.call('GET', 'sessions?user=LMS$4711');
        const { id } = sessions.find((session) => session.id === shown.sid);
        const { applications } = await latchkey.call('GET', `session/${id}/applications`);
        assert.deepEqual(
          applications.map(({ client, status }) => [client.name, status]),
          [[library, 'LIVE']],
        );
        await latchkey.call('DELETE', `session/${id}`);
        const endedAt = performance.now();
        while ((await browser.open(page)).status !== 401) {
          assert.ok(performance.now() - endedAt < SOON_MS, `still signed in after ${SOON_MS} ms`);
          await setTimeout(PAUSE_MS);
        }
      });
    }
  });
}

/** An application of the demo organization, at an origin that it has proven. */
async function newApplication(latchkey, library) {
  const application = await Application.start(library);
  const origin = application.url;
  ({ challenge: application.challenge } = await latchkey.call('POST', 'origins', { origin }));
  await latchkey.call('POST', `origin/${encodeURIComponent(origin)}/verify`);
  const { id, secret } = await latchkey.call('POST', 'clients', { name: library, ...application.registration });
  // The client of the host names the sites to which it leads its users.
  const { origins } = await latchkey.call('GET', `client/${latchkey.clientId}`);
  await latchkey.call('PUT', `client/${latchkey.clientId}`, { origins: [...origins, origin] });
  await application.configure(latchkey.url, { id, secret });
  return application;
}

function callbackOf({ registration }) {
  return registration.redirectUris[0];
}

/** A browser that keeps the cookies of each site and follows redirects, but presses nothing. */
class Browser {
  #cookies = new Map();
  /** The addresses of the pages that it has shown. */
  shown = [];

  /** Opens an address; with `until`, it stops before a page that begins so, and answers its address. */
  async open(address, until) {
    let target = new URL(address);
    for (let redirects = 0; redirects < MAX_REDIRECTS; redirects++) {
      const cookies = this.#cookiesOf(target);
      const response = await fetch(target, {
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          'sec-fetch-dest': 'document',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-site': 'cross-site',
        },
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        if (value) cookies.set(name, value);
        else cookies.delete(name);
      }
      const location = response.headers.get('location');
      if (!location) {
        this.shown.push(target.href);
        return response;
      }
      await response.body?.cancel();
      target = new URL(location, target);
      if (until && target.href.startsWith(until)) return target.href;
    }
    throw new Error(`More than ${MAX_REDIRECTS} redirects from ${address}`);
  }

  #cookiesOf({ host }) {
    if (!this.#cookies.has(host)) this.#cookies.set(host, new Map());
    return this.#cookies.get(host);
  }
}
