import type { INestApplicationContext } from '@nestjs/common';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { EntityManager } from 'typeorm';
import { toDto } from '../common/errors/validation.js';
import { Group } from '../schema/entities/group.entity.js';
import { findNamedUser } from '../users/find-user.js';
import type { NamingRef } from '../common/user-ref.js';
import { parseUserRef } from '../common/user-ref.js';
import { User } from '../schema/entities/user.entity.js';

/** Runs `work` with the services of an application that does not listen. */
export type WithApplication = (work: (app: INestApplicationContext) => Promise<void>) => Promise<void>;

/** The largest page of a list. */
export const PAGE_SIZE = 100;

/**
 * Characters that control a terminal, are invisible, or change the order of the text around them. The joiners U+200C
 * and U+200D are left alone: names in some scripts need them.
 */
const UNPRINTABLE = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Prints lines for programs, on the standard output. */
export function print(...lines: string[]): void {
  process.stdout.write(lines.map((line) => `${escapeUnprintable(line)}\n`).join(''));
}

/** Prints a line for people, on the standard error. */
export function printMessage(line: string): void {
  process.stderr.write(`${escapeUnprintable(line)}\n`);
}

/** Writes unprintable characters as `\u202e`. In JSON, this means the same characters. */
function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => character.split('').map(escapeUnit).join(''));
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** Checks fields as the API does. @throws DomainError the first fault */
export function checked<Dto extends object>(type: new () => Dto, fields: object): Dto {
  return toDto(type, fields);
}

/** A user reference. `self` is not allowed, because nobody is signed in on the command line. */
export function parseNamingRef(text: string): NamingRef {
  const ref = parseUserRef(text);
  if (ref.by === 'self')
    throw new InvalidArgumentError('Name the user instead of self: nobody is signed in on the command line.');
  return ref;
}

/** Finds a staff user. @throws Error if the user is on no organization's staff */
export async function requireStaff(db: EntityManager, ref: NamingRef): Promise<User & { staffOrganizationId: string }> {
  const user = await findNamedUser(db, ref);
  if (!user?.staffOrganizationId) throw new Error('There is no such user on the staff of an organization.');
  return user as User & { staffOrganizationId: string };
}

/** Finds a group of the organization by its ID, custom reference or name. @throws Error unless exactly one matches */
export async function findGroup(db: EntityManager, organizationId: string, text: string): Promise<Group> {
  for (const name of ['id', 'customReference', 'name'] as const) {
    const found = await db.find(Group, { where: { organizationId, [name]: text }, take: 2 });
    if (found.length === 1) return found[0]!;
    if (found.length > 1) throw new Error(`Several groups are called ${JSON.stringify(text)}. Give the ID.`);
  }
  throw new Error(`The organization has no group ${JSON.stringify(text)}.`);
}

/** What a function needs to add a command to a group such as `clients`. */
export interface CommandGroup {
  commands: Command;
  output: Output;
  withApplication: WithApplication;
}

/** The output for programs: lines, or the API's JSON with `--json`. */
export class Output {
  constructor(private readonly commands: Command) {
    commands.option('--json', 'print JSON instead of lines');
  }

  /** Prints one record, as JSON or as the given lines. */
  one(record: object, ...lines: string[]): void {
    if (this.isJson) print(JSON.stringify(record, null, 2));
    else print(...lines);
  }

  /** Prints an array, as JSON or as one line for each record, with tabs between the texts. */
  list<Row>(rows: Row[], texts: (row: Row) => string[]): void {
    this.one(rows, ...rows.map((row) => texts(row).join('\t')));
  }

  /** Prints all pages of a list, as `list` does. */
  async pages<Page extends { pagination: { lastOnPage?: string; moreAvailable: boolean } }, Row>(
    next: (query: { resultFrom?: string; resultSize: number }) => Promise<Page>,
    rowsOf: (page: Page) => Row[],
    texts: (row: Row) => string[],
  ): Promise<void> {
    const rows: Row[] = [];
    let resultFrom: string | undefined;
    for (;;) {
      const page = await next({ resultFrom, resultSize: PAGE_SIZE });
      rows.push(...rowsOf(page));
      if (!page.pagination.moreAvailable) break;
      resultFrom = page.pagination.lastOnPage;
    }
    this.list(rows, texts);
  }

  private get isJson(): boolean {
    return this.commands.opts<{ json?: true }>().json === true;
  }
}
