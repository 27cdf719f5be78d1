import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { hashSecret } from '../../common/id.js';
import { BELIEVED_MS, RecentAnswers } from '../../common/recent-answers.js';
import type { ThirdPartyIdDto } from '../../users/dto/user.dto.js';
import type { ShownCookie } from './session-cookie.js';
import type { LiveSession } from './session.js';

/** At most so many; one takes a few kilobytes. */
const MAX_VISITORS = 10_000;

/** Who is in a session. */
export interface Visitor {
  session: LiveSession;
  name: string;
  emailAddress: string | null;
  thirdPartyIds: ThirdPartyIdDto[];
  /** Where the client that let the visitor in may send them, beside the public site. */
  origins: string[];
}

/** The visitors whose session was live a moment ago, under what their browser shows. */
@Injectable()
export class KnownVisitors extends RecentAnswers<Visitor> {
  constructor(clock: Clock) {
    super(clock, { size: MAX_VISITORS, lifetimeMs: BELIEVED_MS });
  }
}

/** Not the secret itself, so that the memory of the process holds none that works. */
export function visitorKey({ secret, secure, embedded }: ShownCookie): string {
  const hash = hashSecret(secret);
  if (embedded) return `embedded ${hash}`;
  return secure ? hash : `plain ${hash}`;
}
