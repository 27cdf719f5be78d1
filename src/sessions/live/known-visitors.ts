import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { hashSecret } from '../../common/id.js';
import { CACHE_MS, RecentAnswers } from '../../common/recent-answers.js';
import type { ThirdPartyIdDto } from '../../users/dto/user.dto.js';
import type { ShownCookie } from './session-cookie.js';
import type { LiveSession } from './session.js';

/** How many visitors the cache holds. One takes a few kilobytes. */
const MAX_VISITORS = 10_000;

/** The user of a session. */
export interface Visitor {
  session: LiveSession;
  name: string;
  emailAddress: string | null;
  thirdPartyIds: ThirdPartyIdDto[];
  /** Origins to which the client that let the visitor in may lead them, beside the public site. */
  origins: string[];
}

/** Caches the visitors whose session was live a moment ago, by the cookie that their browser sends. */
@Injectable()
export class KnownVisitors extends RecentAnswers<Visitor> {
  constructor(clock: Clock) {
    super(clock, { size: MAX_VISITORS, lifetimeMs: CACHE_MS });
  }
}

/** The cache's key: a hash, so that the process's memory holds no usable secret. */
export function visitorKey({ secret, secure, embedded }: ShownCookie): string {
  const hash = hashSecret(secret);
  if (embedded) return `embedded ${hash}`;
  return secure ? hash : `plain ${hash}`;
}
