import { DomainError } from './errors.js';
import type { ErrorId } from './errors.js';

/** An error of a route for browsers whose page has a title of its own, because that of its id says too little. */
export class PageError extends DomainError {
  constructor(
    id: ErrorId,
    readonly title: string,
    description: string,
  ) {
    super(id, description);
  }
}
