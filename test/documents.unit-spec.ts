import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ERRORS } from '../src/common/errors/errors.js';

const FOLDERS = ['src', 'test', 'bench', 'scripts', 'tools', 'docs', 'deploy', 'examples', 'clients', '.github', '.ci'];
const FILES = [
  ...readdirSync('.').filter((file) => file.endsWith('.md')),
  ...FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((file) => `${folder}/${file}`)
      .filter((file) => /\.(md|ts|mjs|js)$/.test(file) && !/node_modules|\/dist\//.test(file)),
  ),
];
const DOCUMENTS = FILES.filter((file) => file.endsWith('.md'));
const read = (file: string): string => readFileSync(file, 'utf8');

describe('docs/api.md', () => {
  const api = read('docs/api.md');
  const sections = [...api.matchAll(/^##+ (\d+(?:\.\d+)?)\.? /gm)].map(([, number]) => number!);

  it('numbers its sections without a gap', () => {
    expect(sections.length).toBeGreaterThan(40);
    const expected: string[] = [];
    for (const number of sections) {
      const [chapter, section] = number.split('.');
      const last = expected.at(-1)?.split('.') ?? ['0'];
      if (section === undefined) expected.push(String(Number(last[0]) + 1));
      else expected.push(`${last[0]}.${chapter === last[0] ? Number(last[1] ?? 0) + 1 : 1}`);
    }
    expect(sections).toEqual(expected);
  });

  it('has every section that is cited', () => {
    const cited = FILES.flatMap((file) =>
      [...read(file).matchAll(/docs\/api\.md, sections? ((?:\d+(?:\.\d+)?(?:, | and )?)+)/g)].flatMap(([, numbers]) =>
        numbers!.match(/\d+(?:\.\d+)?/g)!.map((number) => ({ file, number })),
      ),
    );
    expect(cited.length).toBeGreaterThan(0);
    expect(cited.filter(({ number }) => !sections.includes(number))).toEqual([]);
  });

  it('is the only contract that is cited', () => {
    const other = /(?<!docs\/)\bAPI\.md\b/;
    expect(FILES.filter((file) => file !== 'test/documents.unit-spec.ts' && other.test(read(file)))).toEqual([]);
  });

  it('lists every error id with its status', () => {
    const errors = Object.entries(ERRORS).map(([id, { status }]) => `${id} ${status}`);
    const section = api.slice(api.indexOf('\n## 13. '), api.indexOf('\n## 14. '));
    const listed = [...section.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, id, status]) => `${id} ${status}`);
    expect(listed.toSorted()).toEqual(errors.toSorted());
  });
});

describe('docs/security.md', () => {
  const lines = [...read('docs/security.md').matchAll(/^\*\*S(\d+)\. [^]*?(?=\n\n|\n$)/gm)].map(([line, number]) => ({
    label: `S${number}`,
    line,
  }));

  it('numbers its lines without a gap', () => {
    expect(lines.length).toBeGreaterThan(30);
    expect(lines.map(({ label }) => label)).toEqual(lines.map((_, index) => `S${index + 1}`));
  });

  it.each(lines)('has a test for $label', ({ label, line }) => {
    const [, file, title] = /\nTest: `(.+)`, "(.+)"$/.exec(line)!;
    expect(title).toMatch(new RegExp(`^${label}\\b`));
    expect(read(file!)).toContain(title);
  });

  it('has a line for every label in code, tests and documents', () => {
    const known = new Set(lines.map(({ label }) => label));
    const labels = FILES.flatMap((file) =>
      // S256 is an algorithm.
      [...read(file).matchAll(/(?<![\w$.#-])S\d{1,2}(?![\w.-])/g)].map(([label]) => ({ file, label })),
    );
    expect(labels.length).toBeGreaterThan(200);
    expect(labels.filter(({ label }) => !known.has(label))).toEqual([]);
  });
});

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document);
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '');

  it('links to files and headings that exist', () => {
    const broken = [...prose.matchAll(/\]\((?!https?:|mailto:|\/)([^)#\s]*)(?:#([^)\s]*))?\)/g)].filter(
      ([, path, heading]) => {
        const file = path ? normalize(join(dirname(document), path)) : document;
        return !existsSync(file) || (heading !== undefined && !anchorsOf(read(file)).includes(heading));
      },
    );
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

/** Decision records and the changelog name what was there when they were written. */
const CURRENT = DOCUMENTS.filter((file) => !/^docs\/decisions|^CHANGELOG/.test(file));

it.each(CURRENT)('%s names files that exist', (document) => {
  const named = [
    ...read(document).matchAll(
      /`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|mjs|js|md|json|yml|sh)|(?:src|test|docs|scripts|deploy)\/[\w./-]+)`/g,
    ),
  ];
  const places = ['', 'src', 'test', dirname(document)];
  const missing = named.filter(([, path]) => !places.some((place) => existsSync(join(place, path!))));
  expect(missing.map(([name]) => name)).toEqual([]);
});

/** The anchors that GitHub gives to headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
