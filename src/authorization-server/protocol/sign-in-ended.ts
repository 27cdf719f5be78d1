import { PageError } from '../../common/errors/page-error.js';

/** The error for a page of a sign-in that is over, or that is another browser's. */
export function signInEnded(): PageError {
  return new PageError(
    'invalid_request',
    'This sign-in has ended',
    'This page belongs to a sign-in that has ended or was started in another browser. Go back to where you came from and start again.',
  );
}
