import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const FOLDER = 'examples/hosts';
const README = readFileSync(`${FOLDER}/README.md`, 'utf8');
const LANGUAGES = ['php', 'python', 'java', 'csharp', 'go'];

const filesOf = (language: string): string[] =>
  readdirSync(`${FOLDER}/${language}`, { recursive: true, encoding: 'utf8' }).filter((file) => /\.\w+$/.test(file));
const read = (language: string, file: string): string => readFileSync(`${FOLDER}/${language}/${file}`, 'utf8');

it('examples/hosts has a folder for each language', () => {
  const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).toSorted()).toEqual(LANGUAGES.toSorted());
});

describe.each(LANGUAGES)('the host in %s', (language) => {
  const code = filesOf(language)
    .map((file) => read(language, file))
    .join('\n');

  it('takes the settings of the README', () => {
    const settings = [...README.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!);
    expect(settings).toHaveLength(6);
    // PHP’s server takes the port from the command.
    const expected = language === 'php' ? settings.filter((name) => name !== 'PORT') : settings;
    const used = [...code.matchAll(/["'(]((?:LATCHKEY|HOST)_[A-Z_]+|PORT)["')]/g)].map(([, name]) => name!);
    expect([...new Set(used)].toSorted()).toEqual(expected.toSorted());
  });

  it.each([
    '/open',
    '/oauth/token',
    '/login',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'assertion',
    'returnTo',
    'return_to',
    'switch',
    'RS256',
    'Retry-After',
    'Referrer-Policy',
    'no-referrer',
    'no-store',
    'X-Request-Id',
    'no_answer',
    'The learning site does not let you in.',
    'The learning site is busy. Try again in a moment.',
    'Open the learning site',
  ])('says %s', (word) => {
    // PHP’s and C#’s libraries have the header as a name of their own.
    const same = code.replace('CURLINFO_RETRY_AFTER', 'Retry-After').replace('Headers.RetryAfter', 'Retry-After');
    expect(same.toLowerCase()).toContain(word.toLowerCase());
  });

  it('is in the table of the README', () => {
    for (const file of filesOf(language)) expect(README).toContain(`\`${language}/${file}\``);
  });
});

describe.each(['php', 'java'])('docs/%s.md', (language) => {
  const guide = readFileSync(`docs/${language}.md`, 'utf8');

  it.each(filesOf(language))('shows %s of examples/hosts', (file) => {
    const [, shown] = new RegExp(`^Save it as \`${file}\`.*\\n\\n\`\`\`\\w+\\n([^]*?)\`\`\``, 'm').exec(guide)!;
    expect(shown).toBe(read(language, file));
  });
});
