import { Injectable } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { DomainError } from '../common/errors/errors.js';
import {
  isEmailAddress,
  normalizeEmailAddress,
  parseThirdPartyId,
  parseUserRef,
  thirdPartyRef,
} from '../common/user-ref.js';
import type { ThirdPartyIdRef, UserRef } from '../common/user-ref.js';

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

/** An e-mail address in the path, in the normalized form. */
@Injectable()
export class EmailAddressPipe implements PipeTransform<string, string> {
  transform(segment: string): string {
    const address = normalizeEmailAddress(segment);
    if (!isEmailAddress(address)) throw new DomainError('invalid_email_address');
    return address;
  }
}

/** A third-party ID in one path segment, `CODE$ID`, or in two, on a route with `:thirdParty/:id`. */
@Injectable()
export class ThirdPartyIdPipe implements PipeTransform<
  { thirdPartyId?: string; thirdParty?: string; id?: string },
  ThirdPartyIdRef
> {
  transform(segments: { thirdPartyId?: string; thirdParty?: string; id?: string }): ThirdPartyIdRef {
    return parseThirdPartyId(segments.thirdPartyId ?? segments);
  }
}
