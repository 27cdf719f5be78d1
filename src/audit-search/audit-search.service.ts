import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { stringify } from 'csv-stringify/sync';
import type { Repository, SelectQueryBuilder } from 'typeorm';
import type { Caller } from '../common/caller.js';
import { addSeconds, Clock, SECONDS_PER_DAY, toIso } from '../common/clock.js';
import { isLoginId } from '../common/login-id.js';
import { LONGEST_SESSION_SECONDS, Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { countUpTo, MAX_COUNTED, notAPosition } from '../http/paging.js';
import { UsersPolicy } from '../users/users.policy.js';
import { AuditEvent } from '../schema/entities/audit-event.entity.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
import type { AuditDto, AuditEventDto, AuditExportQueryDto, AuditFilterDto, AuditQueryDto } from './dto/audit.dto.js';
import { countLogins, findLogins, findUserOfLogin, LOGIN_EVENTS, RANK } from './logins.js';
import { namesOf } from './names.js';
import type { LoginEvent, LoginFilter, Period, Position } from './logins.js';

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

/** An event of a page, with its place. */
interface Found extends Position {
  event: AuditEventDto;
}

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
    const before = query.resultFrom ? readPosition(query.resultFrom) : null;
    const wanted = size + 1;
    const others = await this.findOthers(organizationId, query, before, wanted);
    const about = { filter: filterOf(organizationId, query), period: this.periodOf(query), before, wanted };
    const found = await this.findAll(others, loginEvents(query), about);
    const shown = found.slice(0, size);
    const last = shown.at(-1);
    return {
      events: shown.map(({ event }) => event),
      last: last && writePosition(last),
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
    others: Found[],
    events: LoginEvent['event'][],
    {
      filter,
      period,
      before,
      wanted,
    }: { filter: LoginFilter; period: Period; before: Position | null; wanted: number },
  ): Promise<Found[]> {
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
      found = [...found, ...logins.map(toFoundLogin)].toSorted(latestFirst);
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
  ): Promise<Found[]> {
    const list = this.list(organizationId, query).orderBy('e.at', 'DESC').addOrderBy('e.id', 'DESC').limit(limit);
    if (before?.rank === RANK.OTHER)
      list.andWhere('(e.at, e.id) < (:at, :id)', { at: before.at, id: Number(before.id) });
    else if (before) list.andWhere('e.at < :at', { at: before.at });
    return (await list.getMany()).map((row) => ({
      at: row.at,
      rank: RANK.OTHER,
      id: String(row.id),
      event: toEventDto(row),
    }));
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

/** The order of the record. Of two events at one instant, the one that can't have been first is the later one. */
function latestFirst(a: Position, b: Position): number {
  return (
    b.at.getTime() - a.at.getTime() ||
    b.rank - a.rank ||
    (a.rank === RANK.OTHER ? Number(b.id) - Number(a.id) : Number(a.id < b.id) - Number(a.id > b.id))
  );
}

function toFoundLogin({ event, at, rank, id, ...login }: LoginEvent): Found {
  const isSession = event === 'SESSION_STARTED';
  return {
    at,
    rank,
    id,
    event: {
      id: `${id}${isSession ? '-started' : ''}`,
      at: toIso(at),
      event,
      user: login.userId,
      actor: login.actorId,
      client: login.clientId,
      group: login.groupId,
      token: id,
      session: isSession ? id : undefined,
    },
  };
}

function toEventDto(row: AuditEvent): AuditEventDto {
  const session = row.sessionId ?? (row.event === 'SESSION_ENDED' ? row.tokenId : null);
  return {
    id: String(row.id),
    at: toIso(row.at),
    event: row.event,
    user: row.userId ?? undefined,
    actor: row.actorId ?? undefined,
    client: row.clientId ?? undefined,
    group: row.groupId ?? undefined,
    token: row.tokenId ?? undefined,
    session: session ?? undefined,
    rule: row.rule ?? undefined,
    details: row.details === null ? undefined : (JSON.parse(row.details) as AuditDetails),
    request: row.requestId ?? undefined,
  };
}

/** A position as an opaque text. */
function writePosition({ at, rank, id }: Position): string {
  return Buffer.from(`${at.getTime()} ${rank} ${id}`).toString('base64url');
}

const POSITION = /^(\d{1,14}) ([012]) ([\da-f-]{1,36})$/;
const NUMBER = /^\d{1,15}$/;

function readPosition(text: string): Position {
  const [, at, rank, id] = POSITION.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  if (at === undefined || rank === undefined || id === undefined) throw notAPosition();
  const isOther = Number(rank) === RANK.OTHER;
  if (isOther ? !NUMBER.test(id) : !isLoginId(id)) throw notAPosition();
  return { at: new Date(Number(at)), rank: Number(rank), id };
}
