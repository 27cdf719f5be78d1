import { EmulatorError, requireObject } from './refusal.js';
import { readUser } from './seed.js';
import type { SeedUser } from './seed.js';
import type { Account, Rule, World } from './world.js';
import { parseReference } from './access.js';

/** A span of time; the members add up. */
export interface Span {
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
}

/** How the next requests fail. */
export interface NextFailure {
  /** 429, 500 or 503; without it, the connection is lost before an answer. */
  status?: 429 | 500 | 503;
  /** Seconds; 2 with 503 and 60 with 429 unless it is given. */
  retryAfter?: number;
  /** How many requests fail: 1 unless it is given. */
  times?: number;
  /** Only requests whose path begins so, such as `/oauth/token`. */
  path?: string;
}

const MS: Record<keyof Span, number> = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000 };

/** @throws EmulatorError */
export function advance(world: World, span: Span): void {
  const given = requireObject(span, 'The span', Object.keys(MS));
  const ms = Object.entries(given).map(([unit, count]) => requireNumber(count, unit) * MS[unit as keyof Span]);
  if (ms.length === 0) throw new EmulatorError(`Give the span in ${Object.keys(MS).join(', ')}.`);
  world.advance(ms.reduce((sum, one) => sum + one, 0));
}

/** @throws EmulatorError */
export function failNext(world: World, failure: NextFailure): void {
  requireObject(failure, 'The failure', ['status', 'retryAfter', 'times', 'path']);
  const { status, retryAfter, times = 1, path = '/' } = failure;
  if (status !== undefined && ![429, 500, 503].includes(status))
    throw new EmulatorError(
      'The status of a failure must be 429, 500 or 503. Without a status, the connection is lost.',
    );
  if (retryAfter !== undefined) requireNumber(retryAfter, 'retryAfter');
  world.failures.push({ status, retryAfter, times: requireNumber(times, 'times'), path });
}

/** Refuses to let a user in by one of the rules 1 to 7, or with `null` no longer. @throws EmulatorError */
export function refuse(world: World, user: string, rule: Rule | null): void {
  const { id } = requireAccount(world, user);
  if (rule === null) world.refused.delete(id);
  else if ([1, 2, 3, 4, 5, 6, 7].includes(rule)) world.refused.set(id, rule);
  else throw new EmulatorError('The rule must be 1 to 7 (docs/api.md, section 4.2), or null to refuse no longer.');
}

/** @throws EmulatorError */
export function slow(world: World, ms: number): void {
  world.slowMs = requireNumber(ms, 'ms');
}

/** @throws EmulatorError */
export function addUser(world: World, user: SeedUser): { id: string } {
  readUser(user);
  return { id: world.addUser(user).id };
}

/** @throws EmulatorError */
export function removeUser(world: World, user: string): void {
  world.remove(requireAccount(world, user).id);
}

/** The calls that control the emulator, by method and path. @throws EmulatorError */
export function control(world: World, path: string, given: unknown): object {
  switch (path) {
    case 'clock':
      advance(world, given as Span);
      return { now: world.now().toISOString() };
    case 'failures':
      failNext(world, given as NextFailure);
      return { failures: world.failures };
    case 'refusals': {
      const { user, rule = null } = requireObject(given, 'The refusal', ['user', 'rule']);
      refuse(world, String(user), rule as Rule | null);
      return { refused: Object.fromEntries(world.refused) };
    }
    case 'slow':
      slow(world, requireObject(given, 'The body', ['ms']).ms as number);
      return { slowMs: world.slowMs };
    case 'users':
      return addUser(world, given as SeedUser);
    default:
      throw new EmulatorError(
        'POST to /emulator/clock, failures, refusals, slow, users or reset. GET /emulator shows it all.',
      );
  }
}

function requireAccount(world: World, reference: string): Account {
  const found = world.find(parseReference(reference));
  if (!found) throw new EmulatorError(`There is no user ${JSON.stringify(reference)}.`);
  return found;
}

function requireNumber(given: unknown, what: string): number {
  if (typeof given !== 'number' || !(given >= 0)) throw new EmulatorError(`${what} must be a number from 0.`);
  return given;
}
