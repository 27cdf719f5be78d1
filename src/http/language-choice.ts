import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SECONDS_PER_DAY } from '../common/clock.js';
import type { Settings } from '../config/settings.js';
import { isLanguage } from './language.js';
import { isSameOrigin } from './same-origin.guard.js';

/** The field of the form in which a visitor chooses the language of the pages. */
export const LANGUAGE_FIELD = 'page_language';

/**
 * Keeps a visitor's choice of a language for a year, and shows the page again. Pages send the choice to their own
 * address, so it arrives at every path.
 */
export function keepLanguages(fastify: FastifyInstance, settings: Settings): void {
  fastify.addHook('preHandler', (request, reply, done) => {
    const language = choiceIn(request);
    if (language === null || !isSameOrigin(settings, request.headers)) return done();
    const { name, secure } = fastify.pageDesign.languageCookie;
    void reply
      .setCookie(name, language, { path: '/', maxAge: 365 * SECONDS_PER_DAY, httpOnly: true, sameSite: 'lax', secure })
      .status(303)
      // The same address (RFC 3986, section 5.2.2), which may hold a token and therefore is not repeated.
      .headers({ Location: '#', 'Cache-Control': 'no-store' })
      .send();
  });
}

/** The language of a form with this field and no other. */
function choiceIn({ method, body, headers }: FastifyRequest): string | null {
  if (method !== 'POST' || !headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return null;
  const { [LANGUAGE_FIELD]: language, ...rest } = (body ?? {}) as Record<string, unknown>;
  return isLanguage(language) && Object.keys(rest).length === 0 ? language : null;
}
