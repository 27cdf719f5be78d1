import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { AuditSearchService } from '../audit-search/audit-search.service.js';
import { AuditFilterDto } from '../audit-search/dto/audit.dto.js';
import type { AuditEventDto } from '../record-feed/dto/audit-event.dto.js';
import { Database } from '../database/database.js';
import { findOrganization } from '../organizations/find-organization.js';
import { checked, Output } from './operator.js';
import type { WithApplication } from './operator.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 5000;

interface Options extends AuditFilterDto {
  organization?: string;
  limit: number;
}

/** The command that searches the audit log. */
export function addAuditCommand(program: Command, withApplication: WithApplication): void {
  const command = program.command('audit');
  const output = new Output(command);
  command
    .description(
      'Prints the latest events of the audit log that match, a line for each: its time, its name, and what it has. Needs --organization, --request or --token.',
    )
    .option('-o, --organization <id or name>', 'the organization whose events these are')
    .option('--request <id>', 'the request ID that an error page or the log of the service quotes')
    .option('--token <id>', 'the jti of a login token or access token, or the handle of a session')
    .option('--user <id>', 'the account that the event is about')
    .option('--actor <id>', 'the account that did it')
    .option('--client <id>', 'the client that was used')
    .option('--group <id>', 'the group that let the user in, or that it is about')
    .option('--event <name>', 'such as ACCESS_REFUSED')
    .option('--from <instant>', 'events at this instant or later: 2026-12-31T23:00:00Z')
    .option('--to <instant>', 'events before this instant')
    .option('--limit <number>', `how many events, 1 to ${MAX_LIMIT}`, parseLimit, DEFAULT_LIMIT)
    .action(({ organization, limit, ...fields }: Options) => {
      // Only these find events of every organization without reading all of them.
      if (organization === undefined && fields.request === undefined && fields.token === undefined)
        throw new Error('Give --organization, --request or --token.');
      return withApplication(async (app) => {
        const filter = checked(AuditFilterDto, fields);
        const id =
          organization === undefined
            ? undefined
            : await app.get(Database).transaction(async (db) => (await findOrganization(db, organization)).id);
        output.list(await app.get(AuditSearchService).latest(id, filter, limit), textsOf);
      });
    });
}

function textsOf({ at, event, details, ...rest }: AuditEventDto): string[] {
  const members = Object.entries({ ...rest, ...details }).filter(
    ([name, value]) => name !== 'id' && value !== undefined,
  );
  return [at, event, ...members.map(([name, value]) => `${name}=${String(value)}`)];
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new InvalidArgumentError(`The limit must be 1 to ${MAX_LIMIT}.`);
  return limit;
}
