// Runs Jest. Named test files run on one engine, which is what developers wait for. Without names, all tests run on
// both engines.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const given = process.argv.slice(2);
const projects = given.some((argument) => /^--(selectProjects|config)\b/.test(argument)) ? [] : projectsFor(given);
if (projects.length > 0) {
  given.push('--selectProjects', ...projects);
  process.stderr.write(`Running on ${projects.at(-1)} only; --selectProjects sqlite postgres runs on both.\n`);
}
const { status } = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js', ...given],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);

/** The projects for the named files. Without names it is empty, and Jest runs all projects. */
function projectsFor(names) {
  const files = ['src', 'test']
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => `${folder}/${file}`))
    .filter((file) => /[.-]spec\.ts$/.test(file));
  const named = files.filter((file) => names.some((name) => !name.startsWith('-') && file.includes(name)));
  if (named.length === 0) return [];
  return named.every((file) => file.endsWith('.postgres-spec.ts')) ? ['postgres'] : ['unit', 'sqlite'];
}
