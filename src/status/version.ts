import { createRequire } from 'node:module';

/** The version in package.json, which is beside src and two levels above the compiled file. */
function readVersion(): string {
  const require = createRequire(import.meta.url);
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return (require(path) as { version: string }).version;
    } catch {
      continue;
    }
  }
  throw new Error('package.json is missing.');
}

export const VERSION = readVersion();
