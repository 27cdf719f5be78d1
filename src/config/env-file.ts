import { StartError } from './start-error.js';

export const ENV_FILE_HELP = 'a file with lines NAME=value; variables that are already set are kept';

/** Adds the variables of a file to the environment. @throws StartError if the file can't be read */
export function loadEnvFile(path: string): void {
  try {
    process.loadEnvFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StartError(code === 'ENOENT' ? `There is no ${path}.` : `${path} can't be read: ${message}`);
  }
}
