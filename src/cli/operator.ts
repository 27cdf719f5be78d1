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

/** Runs something with the services of an application that listens nowhere. */
export type WithApplication = (work: (app: INestApplicationContext) => Promise<void>) => Promise<void>;

/** The most rows that a page of a list has. */
export const PAGE_SIZE = 100;

/** What a program reads. */
export function print(...lines: string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** What a person reads. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Collects an option that may be given more than once. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** Checks what was given as the API checks it. @throws DomainError the first fault */
export function checked<Dto extends object>(type: new () => Dto, fields: object): Dto {
  return toDto(type, fields);
}

/** A user reference; nobody is signed in on the command line. */
export function parseNamingRef(text: string): NamingRef {
  const ref = parseUserRef(text);
  if (ref.by === 'self') throw new InvalidArgumentError('Name the user: nobody is signed in on the command line.');
  return ref;
}

/** @throws Error for whoever is on the staff of no organization */
export async function requireStaff(db: EntityManager, ref: NamingRef): Promise<User & { staffOrganizationId: string }> {
  const user = await findNamedUser(db, ref);
  if (!user?.staffOrganizationId) throw new Error('There is no such user on the staff of an organization.');
  return user as User & { staffOrganizationId: string };
}

/** The group of the organization that is named by its id, its custom reference or its name. @throws Error if it is not exactly one */
export async function findGroup(db: EntityManager, organizationId: string, text: string): Promise<Group> {
  for (const name of ['id', 'customReference', 'name'] as const) {
    const found = await db.find(Group, { where: { organizationId, [name]: text }, take: 2 });
    if (found.length === 1) return found[0]!;
    if (found.length > 1) throw new Error(`Several groups are called ${JSON.stringify(text)}: give the id.`);
  }
  throw new Error(`The organization has no group ${JSON.stringify(text)}.`);
}

/** What adds a command to a group such as `clients` needs. */
export interface CommandGroup {
  commands: Command;
  output: Output;
  withApplication: WithApplication;
}

/** What the commands of a group print for a program: lines, or with `--json` what the API answers, as JSON. */
export class Output {
  constructor(private readonly commands: Command) {
    commands.option('--json', 'print JSON instead of lines');
  }

  /** A record, and how it is printed as lines. */
  one(record: object, ...lines: string[]): void {
    if (this.isJson) print(JSON.stringify(record, null, 2));
    else print(...lines);
  }

  /** An array, or a line for each record: texts separated by tabs. */
  list<Row>(rows: Row[], texts: (row: Row) => string[]): void {
    this.one(rows, ...rows.map((row) => texts(row).join('\t')));
  }

  /** The same for a list that comes in pages. */
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
