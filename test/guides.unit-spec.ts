import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'latchkey-guides-'));
  mkdirSync(join(directory, 'docs'));
  for (const name of ['service-accounts', 'applications', 'php', 'java']) write(name, `# ${name}\n`);
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('scripts/render-guides.mjs', () => {
  it.each([
    { of: 'another guide', text: '[PHP `8`](php.md)', html: '<p><a href="/guides/php">PHP <code>8</code></a></p>' },
    { of: 'a heading of a guide', text: '[PHP](php.md#the-client)', html: '<p><a href="/guides/php">PHP</a></p>' },
    { of: 'another document', text: '[the `API`](api.md#2-lists)', html: '<p>the <code>API</code></p>' },
    { of: 'a file of the repository', text: '[PHP](../php.md)', html: '<p>PHP</p>' },
    { of: 'a script', text: '[PHP](javascript:alert(1))', html: '<p>PHP</p>' },
    { of: 'another site', text: '[PHP](https://php.net/)', html: '<p><a href="https://php.net/">PHP</a></p>' },
  ])('renders a link to $of', ({ text, html }) => expect(body(text)).toBe(html));

  it.each([
    { of: 'a block', text: '<script>\nalert("1")\n</script>' },
    { of: 'a block with an empty line', text: '<div style="color: red">\n\n' },
    { of: 'a comment', text: '<!-- hidden -->' },
    { of: 'a tag in a line', text: 'one <b onclick="alert(1)">two</b>' },
    { of: 'a tag in a heading', text: '## one <img src=x onerror=alert(1)>' },
    { of: 'a tag in a table', text: '| a |\n|---|\n| <i>b</i> |' },
    { of: 'a tag in code', text: '`<b>`\n\n```html\n<pre>"\n```' },
    { of: 'a tag in a label', text: '[<b>](php.md)' },
  ])('escapes HTML: $of', ({ text }) => {
    const html = body(text).replaceAll(
      /<\/?(p|h2|table|thead|tbody|tr|th|td|code|pre( tabindex="0")?|a( href="\/guides\/php")?)>/g,
      '',
    );
    expect(html).not.toContain('<');
    expect(html).toContain('&lt;');
  });

  it('lets the keyboard reach a code block, and gives it no other attribute', () =>
    expect(body('```sh title="x"\n  a && b\n```')).toBe('<pre tabindex="0"><code>  a &amp;&amp; b\n</code></pre>'));

  it.each(['no heading', '## PHP', ''])('refuses a document without a title: %j', (text) => {
    write('php', text);
    const { status, stderr } = render();
    expect([status, stderr]).toEqual([1, expect.stringContaining('docs/php.md must begin with a # heading.')]);
  });
});

function write(name: string, text: string): void {
  writeFileSync(join(directory, `docs/${name}.md`), text);
}

function render(): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [resolve('scripts/render-guides.mjs')], { cwd: directory, encoding: 'utf8' });
}

function body(text: string): string {
  write('php', `# PHP\n\n${text}\n`);
  expect(render()).toMatchObject({ status: 0, stderr: '' });
  const guides = JSON.parse(readFileSync(join(directory, 'dist/guides.json'), 'utf8'));
  expect(guides.php.title).toBe('PHP');
  return guides.php.body.trim();
}
