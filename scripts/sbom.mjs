// Prints a software bill of materials (CycloneDX 1.5): the packages that the built service has, installed or bundled,
// with their versions, licences and hashes. npm lists the packages; what it calls development is left out, but for what
// becomes part of the console's pages.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What only builds the console. */
const TOOLS = /^(vite|typescript|@types\/.*)$/;
const DEVELOPMENT = 'cdx:npm:package:development';
/** Licences that a package has only in its text. */
const LICENCES = { pause: 'MIT' };

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const { name, dependencies } = read('../package.json');
const ofConsole = Object.keys(read('../console/package.json').dependencies);

const options = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
const bill = JSON.parse(execFileSync('npm', options, { encoding: 'utf8', maxBuffer: 2 ** 28 }));
const dependsOn = new Map(bill.dependencies.map((one) => [one.ref, one.dependsOn]));
const components = new Map(bill.components.map((one) => [one['bom-ref'], one]));
const nameOf = (ref) => components.get(ref).name;
/** TypeScript is an optional peer, which an installation for production lacks. */
const isProduction = (ref) =>
  nameOf(ref) !== 'typescript' && !components.get(ref).properties.some((property) => property.name === DEVELOPMENT);
const isShown = (ref) => !TOOLS.test(nameOf(ref));

/** What `ref` depends on by `names`, and all that these need. */
function needed(ref, names, isKept) {
  const found = new Set(dependsOn.get(ref).filter((one) => names.includes(nameOf(one)) && isKept(one)));
  for (const one of found) for (const next of dependsOn.get(one)) if (isKept(next)) found.add(next);
  return found;
}

const root = bill.metadata.component['bom-ref'];
const consolePages = bill.dependencies.find(({ ref }) => ref.startsWith('@latchkey/console@')).ref;
const kept = new Set([
  ...needed(root, Object.keys(dependencies), isProduction),
  ...needed(consolePages, ofConsole, isShown),
]);
const direct = [...kept].filter((ref) => dependsOn.get(root).concat(dependsOn.get(consolePages)).includes(ref));

bill.metadata.component.name = name;
bill.components = bill.components.filter((one) => kept.has(one['bom-ref']));
for (const one of bill.components) {
  one.properties = one.properties.filter((property) => property.name !== DEVELOPMENT);
  if (LICENCES[one.name]) one.licenses ??= [{ license: { id: LICENCES[one.name] } }];
}
bill.dependencies = bill.dependencies.filter(({ ref }) => kept.has(ref)).concat({ ref: root, dependsOn: direct });
process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`);
