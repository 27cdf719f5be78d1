import { expect, it } from '@jest/globals';
import type { Proxy } from '../proxy.js';
import { itLeadsBrowsers } from './browser.js';
import { itKeepsOthersOut } from './no-session.js';
import { itLetsSessionsThrough } from './session.js';
import { application, ask, endLatchkey, setUp, signIn } from './setup.js';
import type { Ports } from './setup.js';
import { itTakesTokens } from './tokens.js';

/** Tests a site that stands behind Latchkey and a proxy with the configuration that we ship. */
export function itProtects(startProxy: (ports: Ports) => Promise<Pick<Proxy, 'stop'>>): void {
  setUp(startProxy);

  itLeadsBrowsers();
  itLetsSessionsThrough();
  itKeepsOthersOut();
  itTakesTokens();

  // This test ends the service, so it comes last.
  it('nobody is let in while Latchkey is away', async () => {
    const cookie = await signIn();
    expect((await ask('/', { cookie })).status).toBe(200);
    await endLatchkey();
    application.seen.length = 0;
    for (const method of ['GET', 'POST', 'OPTIONS'])
      expect((await ask('/', { cookie }, method)).status).toBeGreaterThanOrEqual(500);
    expect(application.seen).toEqual([]);
  });
}
