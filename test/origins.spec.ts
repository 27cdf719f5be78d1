import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CallerTokensService } from '../src/clients/caller-tokens.service.js';
import { outcome, TestApp } from './support/app.js';
import type { Answer } from './support/app.js';
import { runCommand } from './support/command-line.js';
import type { TestCaller } from './support/world.js';

const PROOF_PATH = '/.well-known/latchkey-origin';

let t: TestApp;
let admin: TestCaller;
/** A site, and what it answers. */
let server: Server;
let site: string;
let answer: RequestListener;

beforeAll(async () => {
  t = await TestApp.start();
  server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await t.stop();
});
beforeEach(async () => {
  admin = await newAdmin();
  site = `http://localhost:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await runCommand(t, 'origins', 'remove', site);
});

function newAdmin(): Promise<TestCaller> {
  return t.world.caller({ permissions: ['MANAGE_SERVICE_ACCOUNTS'] });
}

function claim(origin = site, caller = admin): Promise<Answer> {
  return t.send(caller, 'POST', '/origins', { origin });
}

function verify(origin = site, caller = admin): Promise<Answer> {
  return t.send(caller, 'POST', `/origin/${encodeURIComponent(origin)}/verify`);
}

function serve(text: string): void {
  answer = ({ url }, response) => {
    response.statusCode = url === PROOF_PATH ? 200 : 404;
    response.end(text);
  };
}

async function origins(caller = admin): Promise<unknown[]> {
  return (await t.as(caller)('/origins')).body.origins;
}

const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

describe('an origin', () => {
  it('is claimed with a challenge, proven by it in a file, and then can be that of a client', async () => {
    const claimed = await claim();
    expect(claimed.body).toEqual({
      origin: site,
      status: 'CLAIMED',
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      url: site + PROOF_PATH,
      since: instant,
    });
    expect((await claim()).body).toEqual(claimed.body);
    expect(await origins()).toEqual([claimed.body]);
    serve(`another line\r\n  ${claimed.body.challenge} \n`);
    const proven = { origin: site, status: 'OWNED', proof: 'FILE', since: instant };
    expect((await verify()).body).toEqual(proven);
    expect(await origins()).toEqual([proven]);
    // Whoever owns it has it proven, and nothing is asked again.
    serve('');
    expect([(await verify()).body, (await claim()).body]).toEqual([proven, proven]);
    const created = await t.send(admin, 'POST', '/clients', { name: 'Host', origins: site });
    expect(created.body.origins).toEqual([site]);
    const removed = await t.send(admin, 'DELETE', `/origin/${encodeURIComponent(site)}`);
    expect([removed.status, await origins()]).toEqual([200, []]);
    expect((await t.as(admin)(`/client/${created.body.id}`)).body.origins).toEqual([]);
  });

  it('that another organization owns is not taken over by a proof, which the operator can change', async () => {
    const other = await newAdmin();
    const [first, second] = [(await claim()).body.challenge, (await claim(site, other)).body.challenge];
    expect(first).not.toBe(second);
    serve(`${first}\n${second}`);
    expect((await verify()).status).toBe(200);
    expect(outcome(await verify(site, other))).toEqual([409, 'origin_in_use']);
    expect(await origins(other)).toMatchObject([{ status: 'CLAIMED' }]);
    const moved = await runCommand(t, 'origins', 'add', site, '-o', other.organizationId);
    expect(moved).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('no longer') });
    expect([await origins(), await origins(other)]).toMatchObject([[], [{ status: 'OWNED', proof: 'OPERATOR' }]]);
  });

  it('of several who prove it at once belongs to one', async () => {
    const admins = await Promise.all(Array.from({ length: 5 }, newAdmin));
    const tokens = await Promise.all(admins.map(async (one) => (await claim(site, one)).body.challenge));
    serve(tokens.join('\n'));
    const statuses = await Promise.all(admins.map(async (one) => (await verify(site, one)).status));
    expect(statuses.toSorted()).toEqual([200, 409, 409, 409, 409]);
  });

  it.each<{ when: string; listener: (challenge: string) => RequestListener; why: string }>([
    {
      when: 'the file is not there',
      listener: () => (_, response) => response.writeHead(404).end(),
      why: 'answers with status 404',
    },
    {
      when: 'the challenge is in a longer line',
      listener: (challenge) => (_, response) => response.end(`x${challenge}`),
      why: 'no line with the challenge',
    },
    {
      when: 'the site leads elsewhere',
      listener: (challenge) => (request, response) =>
        request.url === PROOF_PATH
          ? response.writeHead(302, { location: '/elsewhere' }).end()
          : response.end(challenge),
      why: 'answers with status 302',
    },
    {
      when: 'the answer is an error with the challenge in it',
      listener: (challenge) => (_, response) => response.writeHead(500).end(challenge),
      why: 'answers with status 500',
    },
    {
      when: 'the file is too long',
      listener: (challenge) => (_, response) => response.end(`${challenge}\n${'x'.repeat(5000)}`),
      why: 'more than 4096 bytes',
    },
    {
      when: 'the file never ends',
      listener: (challenge) => (_, response) => response.write(`${challenge}\n`),
      why: 'within 5 seconds',
    },
    {
      when: 'the file has no length and never ends',
      listener: (challenge) => (_, response) => {
        response.useChunkedEncodingByDefault = false;
        response.write(`${challenge}\n`);
      },
      why: 'within 5 seconds',
    },
    {
      when: 'the site changes to another protocol',
      listener: (challenge) => (request) =>
        request.socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n${challenge}\n`,
        ),
      why: 'answers with status 101',
    },
    { when: 'the connection breaks', listener: () => (request) => request.socket.destroy(), why: "can't be reached" },
  ])('is not proven when $when', async ({ listener, why }) => {
    answer = listener((await claim()).body.challenge);
    const { status, body } = await verify();
    expect([status, body.id]).toEqual([400, 'origin_not_proven']);
    expect(body.description).toContain(why);
    expect(await origins()).toMatchObject([{ status: 'CLAIMED' }]);
  });

  it.each([
    'https://learn.example.com/',
    'learn.example.com',
    'https://LEARN.example.com',
    'http://learn.example.com',
    'http://127.0.0.2',
    'https://*.example.com',
    'http://latchkey.test',
    'https://latchkey.test',
    'null',
    '',
    'x'.repeat(256),
  ])('can not be claimed as %j', async (origin) => {
    expect(outcome(await claim(origin))).toEqual([400, 'invalid_origin']);
  });

  it('is verified at most 20 times a minute for an organization', async () => {
    answer = (_, response) => response.end();
    await claim();
    const statuses = await Promise.all(Array.from({ length: 25 }, async () => (await verify()).status));
    expect(statuses.filter((status) => status === 400)).toHaveLength(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(5);
  });

  it('is one of at most 100', async () => {
    await t.world.write(async (db) => {
      for (let i = 0; i < 99; i++)
        await db.query(
          `INSERT INTO "origins" ("origin", "organization_id", "proof", "since") VALUES ('https://${admin.clientId}-${i}.example', '${admin.organizationId}', 'FILE', '2026-01-01 00:00:00.000')`,
        );
    });
    expect((await claim('https://one.example')).status).toBe(200);
    expect(outcome(await claim('https://two.example'))).toEqual([400, 'limit_reached']);
  });
});

describe('in production', () => {
  let production: TestApp;

  async function claimThere(origin: string, networks = ''): Promise<Answer> {
    const overrides = { PUBLIC_URL: 'https://latchkey.test', ORIGIN_PROOF_NETWORKS: networks };
    production = await TestApp.startOnSameDatabase({ NODE_ENV: 'production', ...overrides });
    const { id, clientId } = admin;
    admin.token = await production.nest.get(CallerTokensService).mint({ by: 'id', id }, 3600, clientId);
    return production.send(admin, 'POST', '/origins', { origin });
  }
  async function verifyThere(origin: string, networks: string): Promise<Answer> {
    expect((await claimThere(origin, networks)).status).toBe(200);
    return production.send(admin, 'POST', `/origin/${encodeURIComponent(origin)}/verify`);
  }
  afterEach(() => production.nest.close());

  it('no origin without https can be claimed', async () => {
    expect(outcome(await claimThere(site))).toEqual([400, 'invalid_origin']);
  });

  it.each([
    'https://127.0.0.1:1',
    'https://localhost:1',
    'https://[::1]:1',
    'https://169.254.169.254',
    'https://10.0.0.1',
  ])('%s is not asked', async (origin) => {
    const { body } = await verifyThere(origin, '192.168.0.0/16');
    expect([body.id, body.description]).toEqual([
      'origin_not_proven',
      expect.stringContaining('has no public address'),
    ]);
  });

  it('a private network that the operator allows is asked, and has to have a certificate', async () => {
    const tls = createTlsServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => tls.once('listening', resolve));
    const { body } = await verifyThere(`https://127.0.0.1:${(tls.address() as AddressInfo).port}`, '127.0.0.0/8');
    tls.close();
    expect(body.id).toBe('origin_not_proven');
    expect(body.description).toMatch(/can't be reached: \w+/);
  });
});

describe('on the command line', () => {
  it('an origin is added, listed and removed', async () => {
    const { organizationId } = admin;
    const add = await runCommand(t, 'origins', 'add', 'http://intranet:8080', '-o', organizationId);
    expect([add.code, add.stdout]).toEqual([0, '']);
    const list = await runCommand(t, 'origins', 'list', '--organization', organizationId);
    expect(list.stdout).toMatch(
      new RegExp(`^http://intranet:8080\t${organizationId}\tAcademy\toperator\t\\d{4}-[\\d:TZ-]+\n$`),
    );
    expect((await runCommand(t, 'origins', 'list')).stdout).toContain(list.stdout);
    expect((await runCommand(t, 'origins', 'remove', 'http://intranet:8080')).code).toBe(0);
    const again = await runCommand(t, 'origins', 'remove', 'http://intranet:8080');
    expect([again.code, again.stderr]).toEqual([1, 'http://intranet:8080 belongs to no organization.']);
    const wrong = await runCommand(t, 'origins', 'add', 'https://a.example/path', '-o', organizationId);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('as browsers write it')]);
  });
});
