import { Reflector } from '@nestjs/core';

/** The scope of every access token that calls the API (API.md, section 4). */
export const SCOPE = 'ROLE_USER';

/**
 * Who may call a route or a controller's routes: `anyone`, `bearer` (a caller with an access token of the scope
 * `ROLE_USER`), `delegated` (that, or a service account that acts for a user, RFC 8693, and has no administrative right)
 * or `session` (a browser with a web session). A route that does not say so answers nobody.
 */
export const CalledBy = Reflector.createDecorator<'anyone' | 'bearer' | 'delegated' | 'session'>();
