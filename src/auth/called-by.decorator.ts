import { applyDecorators } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiExtension } from '@nestjs/swagger';
import type { Permission } from '../schema/entities/account-permission.entity.js';

/** The scope that every access token needs to call the API (docs/api.md, section 3.2). */
export const SCOPE = 'ROLE_USER';

/**
 * What an account needs to call a route, beside a token: a permission in its organization; `STAFF`, to be on its staff;
 * `GROUP_VIEW` or `GROUP_MANAGE` on the group in the path; or `OWN`, to be the user that the route is about. The
 * policies decide who has which of these.
 */
export type Need = Permission | 'STAFF' | 'GROUP_VIEW' | 'GROUP_MANAGE' | 'OWN';

/** Needs an access token. */
export interface TokenRule {
  by: 'bearer' | 'delegated';
  scope: typeof SCOPE;
  needs: readonly [Need, ...Need[]];
}

type Rule = { by: 'anyone' | 'session' } | TokenRule;

/** The metadata that `CalledBy` sets on a route. */
export const CallerRule = Reflector.createDecorator<Rule>();

/** The OpenAPI extension that describes the needs of a route. */
export const NEEDS_EXTENSION = 'x-needs';

type Decorator = ClassDecorator & MethodDecorator;

/**
 * Sets who may call a route, or all routes of a controller. `anyone` needs no credentials, `session` needs a browser
 * with a web session. `bearer` needs an access token of the scope `ROLE_USER` and one of `needs`; `delegated` also
 * admits a service account that acts for a user (RFC 8693), which has no administrative rights. A route without this
 * decorator answers nobody.
 */
export function CalledBy(by: 'anyone' | 'session'): Decorator;
export function CalledBy(by: 'bearer' | 'delegated', ...needs: [Need, ...Need[]]): Decorator;
export function CalledBy(by: Rule['by'], ...needs: Need[]): Decorator {
  if (by === 'anyone' || by === 'session') return CallerRule({ by });
  const rule: Rule = { by, scope: SCOPE, needs: needs as [Need, ...Need[]] };
  return applyDecorators(CallerRule(rule), ApiExtension(NEEDS_EXTENSION, needs)) as Decorator;
}
