import { parseArgs } from 'node:util';

/**
 * Adds the variables of the file that `--env-file` names. The columns of entities depend on DATABASE_URL when they are
 * loaded, so this comes before them. A file that can't be read is reported where the arguments are read.
 */
const { values } = parseArgs({ options: { 'env-file': { type: 'string' } }, strict: false });
const path = values['env-file'];

if (typeof path === 'string') {
  try {
    process.loadEnvFile(path);
  } catch {
    // `loadEnvFile` of ./env-file.js says why.
  }
}
