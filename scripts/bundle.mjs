// Bundles the compiled service and command line, with the packages that they load, into dist/main.cjs and dist/cli.cjs.
// Most of a start would be spent on loading 1,600 files, and they would stay in memory one by one.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';

/** Binaries, packages whose files are served, and packages that others load only if they are installed. */
const NOT_BUNDLED = [
  /^(better-sqlite3|@node-rs\/argon2|swagger-ui-dist|@simplewebauthn\/browser)/,
  /^(pg-native|@fastify\/(multipart|static|view)|@nestjs\/(microservices|platform-express|websockets))(\/|$)/,
];
/** What TypeORM and class-validator load and Latchkey never uses: other databases, and telephone numbers. */
const UNUSED = [
  /\/typeorm\/driver\/(?!(better-sqlite3|postgres|sqlite-abstract|types)\/)[^/]+\/.*\.js$/,
  /\/libphonenumber-js\/max\/index\.cjs$/,
];
const OWN = /\/dist\/(src|clients)\/.*\.js$/;
/** A `require` that a bundler can't see. It would load a second TypeORM and class-validator. */
const HIDDEN_REQUIRE = 'const require = createRequire(import.meta.url);';

const build = await rolldown({
  input: { main: 'dist/src/main.js', cli: 'dist/src/cli.js' },
  platform: 'node',
  external: NOT_BUNDLED,
  checks: { eval: false },
  plugins: [
    { name: 'unused', load: { filter: { id: UNUSED }, handler: () => 'module.exports = {};' } },
    { name: 'own', load: { filter: { id: OWN }, handler: loadOwn } },
    // Stack traces name our sources. Nobody looks for lines of packages, and their map would be ten times as large.
    { name: 'packages', transform: { filter: { id: /\/node_modules\/.*\.c?js$/ }, handler: withoutMap } },
  ],
});
rmSync('dist/bundle', { recursive: true, force: true });
await build.write({
  dir: 'dist/bundle',
  format: 'cjs',
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  charset: 'ascii',
  comments: { legal: false },
  sourcemap: true,
  sourcemapExcludeSources: true,
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
});
for (const program of ['main', 'cli']) writeFileSync(`dist/${program}.cjs`, launcher(program));
// The compiled code counts only under the same options, so it is made with those of npm start. The command line loads
// the application, which the service does not load to show its help.
for (const program of ['main', 'cli'])
  execFileSync(process.execPath, [...startOptions(), `dist/${program}.cjs`, '--help'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });

/** A single character outside of ASCII would double the memory that a whole file takes. */
function loadOwn(path) {
  const code = readFileSync(path, 'utf8').replace(
    /[^\0-\x7f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return { code, map: readFileSync(`${path}.map`, 'utf8') };
}

function withoutMap(code) {
  return { code: code.replace(HIDDEN_REQUIRE, ''), map: { mappings: '' } };
}

function startOptions() {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}

/** Node keeps the compiled code beside the bundle when a process ends. Node 20 can't, and reads on to its error. */
function launcher(program) {
  return `'use strict';
require('node:module').enableCompileCache?.(__dirname + '/bundle/compiled');
require('./bundle/${program}.cjs');
`;
}
