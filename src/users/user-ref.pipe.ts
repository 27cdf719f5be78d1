import { Injectable } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { parseUserRef, thirdPartyRef } from './user-ref.js';
import type { UserRef } from './user-ref.js';

/** A path segment that names a user: `@Param('user', UserRefPipe)`. */
@Injectable()
export class UserRefPipe implements PipeTransform<string | undefined, UserRef> {
  transform(segment: string | undefined): UserRef {
    return parseUserRef(segment);
  }
}

/** Two segments that name a user by third-party ID: `@Param(ThirdPartyRefPipe)`, on a route with `:thirdParty/:id`. */
@Injectable()
export class ThirdPartyRefPipe implements PipeTransform<{ thirdParty?: string; id?: string }, UserRef> {
  transform({ thirdParty, id }: { thirdParty?: string; id?: string }): UserRef {
    return thirdPartyRef(thirdParty, id);
  }
}
