import { Injectable } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { DomainError } from '../common/errors/errors.js';
import { isId } from '../common/id.js';

/** A path segment that is an ID or `self`. Anything else names nothing and never reaches the database. */
@Injectable()
export class IdPipe implements PipeTransform<string, string> {
  transform(segment: string): string {
    if (!isId(segment)) throw new DomainError('not_found');
    return segment;
  }
}
