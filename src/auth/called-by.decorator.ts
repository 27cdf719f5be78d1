import { applyDecorators } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiExtension } from '@nestjs/swagger';
import type { Permission } from '../schema/entities/account-permission.entity.js';

/** The scope of every access token that calls the API (docs/api.md, section 3.2). */
export const SCOPE = 'ROLE_USER';

/**
 * What an account needs for a route, beside a token: a permission in its organization; to be on its staff; `VIEW` or
 * `MANAGE` on the group that the route names; to be whom the route is about. Who has which of these, and on what, the
 * policies decide.
 */
export type Need = Permission | 'STAFF' | 'GROUP_VIEW' | 'GROUP_MANAGE' | 'OWN';

type Rule =
  { by: 'anyone' | 'session' } | { by: 'bearer' | 'delegated'; scope: typeof SCOPE; needs: readonly [Need, ...Need[]] };

/** The metadata that `CalledBy` leaves on a route. */
export const CallerRule = Reflector.createDecorator<Rule>();

/** Where OpenAPI describes what is needed. */
export const NEEDS_EXTENSION = 'x-needs';

type Decorator = ClassDecorator & MethodDecorator;

/**
 * Who may call a route or a controller's routes: `anyone`, or `session` (a browser with a web session); or a caller with
 * an access token of the scope `ROLE_USER` and one of `needs`: `bearer`, or `delegated`, which is also a service account that
 * acts for a user (RFC 8693) and has no administrative right. A route that does not say so answers nobody.
 */
export function CalledBy(by: 'anyone' | 'session'): Decorator;
export function CalledBy(by: 'bearer' | 'delegated', ...needs: [Need, ...Need[]]): Decorator;
export function CalledBy(by: Rule['by'], ...needs: Need[]): Decorator {
  if (by === 'anyone' || by === 'session') return CallerRule({ by });
  const rule: Rule = { by, scope: SCOPE, needs: needs as [Need, ...Need[]] };
  return applyDecorators(CallerRule(rule), ApiExtension(NEEDS_EXTENSION, needs)) as Decorator;
}
