import { Reflector } from '@nestjs/core';

/**
 * Who may call a route or a controller's routes: `anyone`, `bearer` (a caller with an access token)
 * or `session` (a browser with a web session). A route that does not say so answers nobody.
 */
export const CalledBy = Reflector.createDecorator<'anyone' | 'bearer' | 'session'>();
