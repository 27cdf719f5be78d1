import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { stringify } from 'csv-stringify/sync';
import type { Repository, SelectQueryBuilder } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY } from '../common/clock.js';
import { isLoginId } from '../common/login-id.js';
import { LONGEST_SESSION_SECONDS, Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { countUpTo, MAX_COUNTED } from '../http/paging.js';
import type { AuditEventDto } from '../record-feed/dto/audit-event.dto.js';
import { oldestFirst, RANK, readPosition, writePosition } from '../record-feed/position.js';
import type { Position } from '../record-feed/position.js';
import { describeEvent, describeLogin, LOGIN_EVENTS } from '../record-feed/recorded-events.js';
import type { LoginEvent, RecordedEvent } from '../record-feed/recorded-events.js';
import { UsersPolicy } from '../users/users.policy.js';
import { AuditEvent } from '../schema/entities/audit-event.entity.js';
import type { AuditDto, AuditExportQueryDto, AuditFilterDto, AuditQueryDto } from './dto/audit.dto.js';
import { countLogins, findLogins, findUserOfLogin } from './logins.js';
import { namesOf } from './names.js';
import type { LoginFilter, Period } from './logins.js';

/** Filters. Each column is with the organization at the beginning of an index whose rows are ordered by time. */
const FILTERS = {
  user: 'userId',
  actor: 'actorId',
  client: 'clientId',
  group: 'groupId',
  event: 'event',
  token: 'tokenId',
  request: 'requestId',
} as const;

/**
 * Events of logins are read in periods, each of them longer than the next later one, so that a page costs as much as
 * the rows around it, whether there are thousands in a minute or one in a year.
 */
const FIRST_PERIOD_SECONDS = 60;
const GROWTH = 8;

/** How many events an answer of the export has at most. */
export const EXPORT_SIZE = 5000;
const EXPORT_COLUMNS = [
  'id',
  'at',
  'event',
  'user',
  'actor',
  'client',
  'group',
  'token',
  'session',
  'rule',
  'details',
  'request',
];

/** Searches the audit log (docs/api.md, section 11.3). */
@Injectable()
export class AuditSearchService {
  constructor(
    @InjectRepository(AuditEvent) private readonly events: Repository<AuditEvent>,
    private readonly database: Database,
    private readonly policy: UsersPolicy,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Lists the events that match. @throws DomainError `not_permitted` */
  async search(caller: Caller, query: AuditQueryDto): Promise<AuditDto> {
    const organizationId = await this.policy.requireMayViewAuditLog(caller);
    const page = await this.page(organizationId, query, query.resultSize);
    const total = await this.count(organizationId, query);
    const names = await namesOf(this.events.manager, organizationId, page.events);
    return { events: page.events, names, pagination: { total, lastOnPage: page.last, moreAvailable: page.isMore } };
  }

  /**
   * A part of the events that match as the text of a file, and where the next part begins. The parts one after the other
   * are the file. @throws DomainError `not_permitted`
   */
  async export(caller: Caller, query: AuditExportQueryDto): Promise<{ text: string; next: string | undefined }> {
    const organizationId = await this.policy.requireMayViewAuditLog(caller);
    const { events, last, isMore } = await this.page(organizationId, query, EXPORT_SIZE);
    const isFirst = !query.resultFrom;
    return {
      text: query.format === 'csv' ? toCsv(events, isFirst) : toNdjson(events),
      next: isMore ? last : undefined,
    };
  }

  /** The latest events that match, of one organization or of all, for the operator. */
  async latest(organizationId: string | undefined, query: AuditFilterDto, size: number): Promise<AuditEventDto[]> {
    return (await this.page(organizationId, query, size)).events;
  }

  private async page(
    organizationId: string | undefined,
    query: AuditFilterDto & { resultFrom?: string },
    size: number,
  ): Promise<{ events: AuditEventDto[]; last: string | undefined; isMore: boolean }> {
    const before = query.resultFrom ? readPosition(fromOpaque(query.resultFrom)) : null;
    const wanted = size + 1;
    const others = await this.findOthers(organizationId, query, before, wanted);
    const about = { filter: filterOf(organizationId, query), period: this.periodOf(query), before, wanted };
    const found = await this.findAll(others, loginEvents(query), about);
    const shown = found.slice(0, size);
    const last = shown.at(-1);
    return {
      events: shown.map(({ event }) => event),
      last: last && toOpaque(writePosition(last)),
      isMore: found.length > size,
    };
  }

  /** The user of a login whose events the search lists, also after it has ended. @throws DomainError `not_permitted` */
  async findUserOfLogin(caller: Caller, id: string): Promise<string | null> {
    return findUserOfLogin(this.database, await this.policy.requireMayViewAuditLog(caller), id);
  }

  /** Whether the search lists an event that matches. @throws DomainError `not_permitted` */
  async hasEvent(caller: Caller, query: Pick<AuditFilterDto, 'token' | 'request'>): Promise<boolean> {
    return this.list(await this.policy.requireMayViewAuditLog(caller), query).getExists();
  }

  /** The period that a query is about. Nothing is older than the longest time for which a login is kept. */
  private periodOf({ from, to }: AuditFilterDto): Period {
    const now = this.clock.now();
    const keptSeconds = this.settings.RETENTION_DAYS * SECONDS_PER_DAY + 2 * LONGEST_SESSION_SECONDS;
    const oldest = addSeconds(now, -keptSeconds);
    const given = from === undefined ? oldest : new Date(from);
    const newest = addSeconds(now, SECONDS_PER_DAY);
    const until = to === undefined ? newest : new Date(to);
    return { from: given < oldest ? oldest : given, to: until > newest ? newest : until };
  }

  /** Adds the events of logins to the others, in the order of the record. */
  private async findAll(
    others: RecordedEvent[],
    events: LoginEvent['event'][],
    {
      filter,
      period,
      before,
      wanted,
    }: { filter: LoginFilter; period: Period; before: Position | null; wanted: number },
  ): Promise<RecordedEvent[]> {
    if (events.length === 0) return others;
    let found = others;
    // The position itself may be the earlier of two events at one instant.
    let to = before && before.at < period.to ? new Date(before.at.getTime() + 1) : period.to;
    for (let seconds = FIRST_PERIOD_SECONDS; to > period.from; seconds *= GROWTH) {
      const begins = addSeconds(to, -seconds);
      const from = begins < period.from ? period.from : begins;
      const logins: LoginEvent[] = [];
      for (const name of events)
        logins.push(...(await findLogins(this.database, name, filter, { from, to }, before, wanted)));
      found = [...found, ...logins.map(describeLogin)].toSorted((a, b) => oldestFirst(b, a));
      if (found.length >= wanted && found[wanted - 1]!.at >= from) break;
      to = from;
    }
    return found.slice(0, wanted);
  }

  private async findOthers(
    organizationId: string | undefined,
    query: AuditFilterDto,
    before: Position | null,
    limit: number,
  ): Promise<RecordedEvent[]> {
    const list = this.list(organizationId, query).orderBy('e.at', 'DESC').addOrderBy('e.id', 'DESC').limit(limit);
    if (before?.rank === RANK.OTHER)
      list.andWhere('(e.at, e.id) < (:at, :id)', { at: before.at, id: Number(before.id) });
    else if (before) list.andWhere('e.at < :at', { at: before.at });
    return (await list.getMany()).map(describeEvent);
  }

  private async count(organizationId: string, query: AuditFilterDto): Promise<number> {
    const [filter, period] = [filterOf(organizationId, query), this.periodOf(query)];
    let total = await countUpTo(MAX_COUNTED, this.list(organizationId, query).select('e.id', 'id'));
    for (const event of loginEvents(query))
      if (total < MAX_COUNTED) total += await countLogins(this.database, event, filter, period, MAX_COUNTED);
    return Math.min(total, MAX_COUNTED);
  }

  /** The events that have rows of their own. */
  private list(organizationId: string | undefined, query: AuditFilterDto): SelectQueryBuilder<AuditEvent> {
    const list = this.events.createQueryBuilder('e');
    if (organizationId !== undefined) list.where('e.organizationId = :organizationId', { organizationId });
    for (const [name, property] of Object.entries(FILTERS)) {
      const value = query[name as keyof typeof FILTERS];
      if (value !== undefined) list.andWhere(`e.${property} = :${name}`, { [name]: value });
    }
    if (query.from !== undefined) list.andWhere('e.at >= :from', { from: new Date(query.from) });
    if (query.to !== undefined) list.andWhere('e.at < :to', { to: new Date(query.to) });
    return list;
  }
}

/** The events of logins that a query asks for. Their rows have no request, and no token but their own ID. */
function loginEvents({ event, token, request }: AuditFilterDto): LoginEvent['event'][] {
  if (request !== undefined || (token !== undefined && !isLoginId(token))) return [];
  return LOGIN_EVENTS.filter((name) => event === undefined || event === name);
}

function filterOf(
  organizationId: string | undefined,
  { user, actor, client, group, token }: AuditFilterDto,
): LoginFilter {
  return { organizationId, user, actor, client, group, token };
}

/** Spreadsheets read a text that begins as a formula does. `escape_formulas` puts an apostrophe before it. */
function toCsv(events: AuditEventDto[], header: boolean): string {
  const rows = events.map(({ details, ...event }) => ({ ...event, details: details && JSON.stringify(details) }));
  return stringify(rows, { columns: EXPORT_COLUMNS, header, escape_formulas: true, record_delimiter: 'windows' });
}

function toNdjson(events: AuditEventDto[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

/** A text that clients hand back and don't read. */
function toOpaque(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function fromOpaque(opaque: string): string {
  return Buffer.from(opaque, 'base64url').toString();
}
