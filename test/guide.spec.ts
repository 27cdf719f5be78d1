import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call } from './support/app.js';
import { createDatabase, dropDatabase } from './support/database.js';
import { freePort } from './support/free-port.js';
import { GuideDirectory, visit } from './support/guide.js';
import { Instance } from './support/instance.js';

const GUIDE = readFileSync('docs/service-accounts.md', 'utf8');
const BLOCKS = [...GUIDE.matchAll(/```sh\n([^]*?)\n```/g)].map(([, code]) => code!);
/** A machine that is busy with other things takes its time for a command. */
const PATIENCE_MS = 180_000;

let instance: Instance;
let publicUrl: string;
let directory: GuideDirectory;

beforeAll(async () => {
  await createDatabase();
  const port = await freePort();
  publicUrl = `http://localhost:${port}`;
  const [HOST, PORT] = ['localhost', String(port)];
  instance = await Instance.start({ NODE_ENV: 'development', PUBLIC_URL: publicUrl, HOST, PORT });
  directory = new GuideDirectory(publicUrl);
}, PATIENCE_MS);
afterAll(async () => {
  await instance.stop();
  directory.remove();
  await dropDatabase();
});

describe('docs/service-accounts.md', () => {
  it(
    'works when it is pasted: with curl, with Node.js and with Python',
    async () => {
      expect(BLOCKS).toHaveLength(7);
      const [made, granted, curl, node, python, byThirdPartyId, user] = await directory.paste(BLOCKS);
      expect(made).toMatch(/^service account [\w-]{22}, key [\w-]{22}$/);
      expect(granted).toBe('');
      const answer = JSON.parse(curl!);
      expect(answer).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: expect.any(Number),
        url: expect.any(String),
        jti: expect.any(String),
      });
      for (const url of [answer.url, node, python, JSON.parse(byThirdPartyId!).url])
        expect(await visit(url)).toEqual({
          user: 'Anna Jansen',
          actor: 'Host portal',
          isServiceAccount: true,
          endsAt: '/',
        });
      expect(JSON.parse(user!)).toMatchObject({ id: 'Zk1cVq0rTtWm8sQXq3bVxg', name: 'Anna Jansen' });
    },
    PATIENCE_MS,
  );

  it('is the page that the access call points at, with the address of the service', async () => {
    const { headers } = await call(publicUrl, '/api/2.1.1/access/anna@demo.example');
    const target = /<([^>]+)>; rel="deprecation"/.exec(headers.get('link')!)![1]!;
    const page = await call('', target);
    expect(page.status).toBe(200);
    expect(page.text).toContain('<th>the access call</th>');
  });
});

describe('docs/applications.md', () => {
  it(
    'registers an application when its command is pasted, to which its recipe applies',
    async () => {
      const guide = readFileSync('docs/applications.md', 'utf8');
      const [create] = /```sh\n(npm run [^]*?clients create[^]*?)\n```/.exec(guide)!.slice(1);
      const [printed] = await directory.paste([create!]);
      expect(printed).toMatch(/^client_id=[\da-f]{32}\nclient_secret=[\w-]{43}$/);
    },
    PATIENCE_MS,
  );
});

describe.each(['service-accounts', 'applications', 'php', 'java'])('docs/%s.md', (name) => {
  it('is a page of the service, with its address', async () => {
    const guide = readFileSync(`docs/${name}.md`, 'utf8');
    const page = await call(publicUrl, `/guides/${name}`);
    const shown = [...page.text.matchAll(/<pre[^>]*><code>([^]*?)\n<\/code><\/pre>/g)].map(([, code]) =>
      unescaped(code!),
    );
    const blocks = [...guide.matchAll(/```\w+\n([^]*?)\n```/g)].map(([, code]) => directory.adapted(code!));
    expect(shown).toEqual(blocks);
    const headings = [...page.text.matchAll(/<h[123]>([^<]+)<\/h[123]>/g)].map(([, heading]) => unescaped(heading!));
    const text = guide.replaceAll(/```\w+\n[^]*?\n```/g, '');
    expect(headings).toEqual([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading));
    expect(page.text.replaceAll(/<pre[^]*?<\/pre>/g, '')).not.toMatch(/^(#|\||- |```)|\]\(/m);
    const links = [...page.text.matchAll(/<a href="([^"]+)"/g)].map(([, target]) => target!);
    for (const link of links) expect([link, (await call(publicUrl, link)).status]).toEqual([link, 200]);
    expect(links).toContain(name === 'service-accounts' ? '/guides/php' : '/guides/service-accounts');
  });
});

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };

function unescaped(html: string): string {
  return html.replaceAll(/&(?:#(\d+)|(\w+));/g, (_entity, code: string | undefined, name: string) =>
    code ? String.fromCharCode(Number(code)) : ENTITIES[name]!,
  );
}
