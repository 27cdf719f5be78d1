import { StartError } from './start-error.js';

export const ENV_FILE_HELP = 'a file of lines NAME=value; what the environment has already stays as it is';

/** Adds the variables of a file to the environment. @throws StartError if the file can't be read */
export function loadEnvFile(path: string): void {
  try {
    process.loadEnvFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StartError(code === 'ENOENT' ? `There is no ${path}.` : `${path} can't be read: ${message}`);
  }
}
