import { Injectable } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { isId } from '../common/id.js';
import { DomainError } from '../common/errors/errors.js';

/** A path segment that names a group. Anything but a valid group ID never reaches the database. */
@Injectable()
export class GroupIdPipe implements PipeTransform<string, string> {
  transform(segment: string): string {
    if (!isId(segment)) throw new DomainError('invalid_group_id');
    return segment;
  }
}
