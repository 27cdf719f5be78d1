import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

interface Component {
  name: string;
  version: string;
  licenses?: object[];
  hashes?: object[];
}

const bill = JSON.parse(
  execFileSync(process.execPath, ['scripts/sbom.mjs'], { encoding: 'utf8', maxBuffer: 2 ** 28 }),
) as { bomFormat: string; specVersion: string; metadata: { component: Component }; components: Component[] };
const listed = new Set(bill.components.map(({ name, version }) => `${name} ${version}`));

/** The installed packages of production, by name and version. */
function production(): string[] {
  const { packages } = JSON.parse(readFileSync('node_modules/.package-lock.json', 'utf8')) as {
    packages: Record<string, { version: string; dev?: true; devOptional?: true; link?: true }>;
  };
  return Object.entries(packages)
    .filter(([path, { dev, devOptional, link }]) => path.includes('node_modules/') && !dev && !devOptional && !link)
    .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)} ${version}`);
}

it('the bill of materials lists every package of production', () => {
  expect(production().length).toBeGreaterThan(150);
  expect(production().filter((one) => !listed.has(one))).toEqual([]);
  expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'latchkey' } } });
});

it('the bill of materials lists what the pages of the console contain, and no tools', () => {
  const names = bill.components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['react', 'react-dom', '@base-ui/react', 'wouter']));
  expect(names.filter((name) => /^(vite|typescript|jest|oxlint|@types\/react)$/.test(name))).toEqual([]);
});

it('the bill of materials gives the licence of each package', () => {
  expect(bill.components.filter(({ licenses }) => !licenses?.length).map(({ name }) => name)).toEqual([]);
});
