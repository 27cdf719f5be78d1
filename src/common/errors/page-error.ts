import { DomainError } from './errors.js';
import type { ErrorId } from './errors.js';

/** An error of a page in a browser, with a title of its own where the title of its error id would say too little. */
export class PageError extends DomainError {
  constructor(
    id: ErrorId,
    readonly title: string,
    description: string,
  ) {
    super(id, description);
  }
}
