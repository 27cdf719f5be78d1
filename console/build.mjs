// Builds the console into dist/console, and compresses its files once instead of for each visitor.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'vite';

/** "use client" is for servers that render React, and the time of the build for its authors. */
const QUIET = new Set(['MODULE_LEVEL_DIRECTIVE', 'PLUGIN_TIMINGS']);

// React is twice as large in any other mode, such as that of a start for development or of a test.
process.env.NODE_ENV = 'production';

const root = fileURLToPath(new URL('.', import.meta.url));
const outDir = fileURLToPath(new URL('../dist/console', import.meta.url));

await build({
  root,
  base: '/console/',
  configFile: false,
  logLevel: 'warn',
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2023',
    // The Content-Security-Policy allows no inline script, and fonts and styles from this origin only.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      // What several pages share is one file: a browser asks for six at a time, and each page would wait for ten.
      output: { codeSplitting: { groups: [{ name: 'shared', minShareCount: 4 }] } },
      onLog: (level, log, print) => void (QUIET.has(log.code) || print(level, log)),
    },
  },
});

for (const file of readdirSync(outDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
  const path = join(file.parentPath, file.name);
  const content = readFileSync(path);
  writeFileSync(`${path}.br`, brotliCompressSync(content));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}
