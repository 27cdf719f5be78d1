import { parseArgs } from 'node:util';

/**
 * Loads the variables of the file that `--env-file` names. The entities' columns depend on DATABASE_URL as soon as they
 * are loaded, so this must be imported before them. A file that can't be read is reported when the arguments are
 * parsed.
 */
const { values } = parseArgs({ options: { 'env-file': { type: 'string' } }, strict: false });
const path = values['env-file'];

if (typeof path === 'string') {
  try {
    process.loadEnvFile(path);
  } catch {
    // `loadEnvFile` of ./env-file.js reports the reason.
  }
}
