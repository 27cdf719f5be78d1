import { LatchkeyError } from '../api';

/** An error that the console finds itself, by the id that has a text. */
export function fault(id: string, description = ''): LatchkeyError {
  return new LatchkeyError(id, 0, null, description, {});
}
