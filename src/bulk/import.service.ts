import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { In } from 'typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Clock } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { searchTerms } from '../common/search-text.js';
import { Database } from '../database/database.js';
import { insertRows } from '../database/insert-rows.js';
import type { Value } from '../database/insert-rows.js';
import { showPeriod } from '../rights/period.js';
import { RevocationService } from '../rights/revocation.service.js';
import { Membership } from '../schema/entities/membership.entity.js';
import { findOrganization } from '../organizations/find-organization.js';
import { ThirdParty } from '../schema/entities/third-party.entity.js';
import { endVerificationLinks } from '../users/email-addresses.js';
import { profileOf, UsersService } from '../users/users.service.js';
import { GroupNames } from './group-names.js';
import { ImportPlan } from './import-plan.js';
import type { Account, ImportTarget, PlannedMembership } from './import-plan.js';
import { readUserFile } from './user-file.js';
import type { Fault, UserRow } from './user-file.js';

/**
 * How many rows a transaction has. It takes less than a second, for which the service must wait with its own writes on
 * SQLite.
 */
const BATCH = 4000;
/** The pause between two transactions in milliseconds, in which the service can write. */
const PAUSE_MS = 10;

export interface ImportCounts {
  rows: number;
  created: number;
  changed: number;
  unchanged: number;
  joined: number;
  /** Memberships that got another period. */
  rescheduled: number;
  groups: number;
  faults: number;
}

export interface ImportOptions {
  /** An ID or a name. */
  organization: string;
  createGroups: boolean;
  dryRun: boolean;
  onFault: (fault: Fault) => void;
  onProgress: (phase: 'checking' | 'importing', counts: ImportCounts, bytes: number) => void;
}

const USER_COLUMNS = [
  'id',
  'type',
  'status',
  'name',
  'locale',
  'time_zone',
  'description',
  'domicile',
  'year_of_birth',
  'organization_id',
  'created_at',
];

/** Imports users, their third-party IDs and their memberships from a file. */
@Injectable()
export class ImportService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly revocation: RevocationService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /**
   * Reads the file twice. First it checks every row and writes nothing. Only if all rows are good, it writes them, in
   * transactions of 4000 rows. To finish an import that was interrupted, start it again.
   *
   * @throws UnreadableFile; Error if there is no such organization
   */
  async import(path: string, options: ImportOptions): Promise<ImportCounts> {
    const organizationId = (await findOrganization(this.dataSource.manager, options.organization)).id;
    const target = await this.targetOf(organizationId, options.createGroups);
    const plan = new ImportPlan(target);
    const checked = await this.eachBatch('checking', path, options, async (rows, report) => {
      await plan.read(this.dataSource.manager, rows.filter(isUserRow));
      addAll(plan, rows, report);
      plan.forgetExisting();
    });
    checked.groups = plan.newGroups.length;
    const isNothingNew = checked.created + checked.changed + checked.joined + checked.rescheduled === 0;
    if (options.dryRun || checked.faults > 0 || isNothingNew) return checked;
    const fresh = await this.targetOf(organizationId, options.createGroups);
    let groups = 0;
    const counts = await this.eachBatch('importing', path, options, async (rows, report) => {
      await this.database.transaction(
        async (db) => {
          const batch = new ImportPlan(fresh);
          await batch.read(db, rows.filter(isUserRow));
          addAll(batch, rows, report);
          await this.apply(db, organizationId, batch);
          await this.record(db, organizationId, batch);
          groups += batch.newGroups.length;
        },
        { isLong: true },
      );
      await setTimeout(PAUSE_MS);
    });
    return { ...counts, groups };
  }

  private async targetOf(organizationId: string, createGroups: boolean): Promise<ImportTarget> {
    const thirdParties = await this.dataSource.manager.findBy(ThirdParty, { organizationId });
    return {
      organizationId,
      thirdParties: new Set(thirdParties.map(({ code }) => code)),
      groups: await GroupNames.of(this.dataSource.manager, organizationId),
      createGroups,
      now: this.clock.now(),
    };
  }

  /** Passes the rows on in batches, and counts the outcomes. */
  private async eachBatch(
    phase: 'checking' | 'importing',
    path: string,
    { onFault, onProgress }: ImportOptions,
    work: (rows: (UserRow | Fault)[], report: Report) => Promise<void>,
  ): Promise<ImportCounts> {
    const counts = { rows: 0, created: 0, changed: 0, unchanged: 0, joined: 0, rescheduled: 0, groups: 0, faults: 0 };
    const report: Report = (line, result) => {
      if (result instanceof DomainError) {
        counts.faults++;
        onFault({ line, error: result });
        return;
      }
      counts[result.outcome]++;
      if (result.membership === 'joined') counts.joined++;
      if (result.membership === 'changed') counts.rescheduled++;
    };
    let rows: (UserRow | Fault)[] = [];
    let read = 0;
    const flush = async (): Promise<void> => {
      await work(rows, report);
      rows = [];
      onProgress(phase, counts, read);
    };
    for await (const { row, bytes } of readUserFile(path)) {
      counts.rows++;
      read = bytes;
      if (rows.push(row) === BATCH) await flush();
    }
    await flush();
    return counts;
  }

  private async apply(db: EntityManager, organizationId: string, plan: ImportPlan): Promise<void> {
    const now = this.instant();
    await insertRows(
      db,
      'groups',
      ['id', 'organization_id', 'name', 'description', 'created_at', 'last_edited_at'],
      plan.newGroups.map(({ id, name }) => [id, organizationId, name, name, now, now]),
    );
    await insertRows(
      db,
      'group_search_terms',
      ['group_id', 'term', 'organization_id'],
      plan.newGroups.flatMap(({ id, name }) => searchTerms([name]).map((term) => [id, term, organizationId])),
    );
    await this.insert(db, organizationId, plan.created(), now);
    for (const { user, fields, newThirdPartyIds } of plan.changed())
      await this.users.update(db, user, fields, newThirdPartyIds, null);
    await this.writeMemberships(db, plan.plannedMemberships());
  }

  private async writeMemberships(db: EntityManager, memberships: PlannedMembership[]): Promise<void> {
    const now = this.instant();
    await insertRows(
      db,
      'memberships',
      ['user_id', 'group_id', 'status', 'joined_at', 'valid_from', 'valid_until'],
      memberships
        .filter(({ before }) => before === null)
        .map(({ userId, groupId, validFrom, validUntil }) => {
          const [from = null, until = null] = [validFrom?.getTime(), validUntil?.getTime()];
          return [userId, groupId, 'JOINED', now, from, until];
        }),
    );
    for (const { userId, groupId, before, joins, validFrom, validUntil } of memberships) {
      if (before === null) continue;
      // What a membership that has ended allowed does not come back with it.
      if (before === 'JOINED') await this.revocation.revokeUngrantedTokens(db, userId, null);
      const changes = {
        validFrom,
        validUntil,
        ...(joins && { status: 'JOINED' as const, joinedAt: this.clock.now() }),
      };
      await db.update(Membership, { userId, groupId }, changes);
      if (before === 'JOINED') await this.revocation.revokeUngrantedTokens(db, userId, null);
    }
  }

  /** Records one event for many accounts, whose rows the file has, and one for each period that is given. */
  private async record(db: EntityManager, organizationId: string, plan: ImportPlan): Promise<void> {
    const memberships = plan.plannedMemberships();
    const joined = memberships.filter(({ joins }) => joins).length;
    const details = { created: plan.created().length, changed: plan.changed().length, joined };
    if (details.created + details.changed + joined > 0)
      await this.audit.record(db, { event: 'ACCOUNTS_IMPORTED', organizationId, by: null, details });
    for (const { userId, groupId, joins, ...period } of memberships) {
      const shown = showPeriod(period);
      if (joins && Object.keys(shown).length === 0) continue;
      const event = joins ? 'MEMBER_JOINED' : 'MEMBER_CHANGED';
      await this.audit.record(db, { event, organizationId, userId, groupId, by: null, details: shown });
    }
  }

  private async insert(db: EntityManager, organizationId: string, accounts: Account[], now: string): Promise<void> {
    const users: Value[][] = [];
    const addresses: Value[][] = [];
    const thirdPartyIds: Value[][] = [];
    const terms: Value[][] = [];
    for (const { id, fields, newThirdPartyIds } of accounts) {
      const address = fields.emailAddress ?? null;
      users.push(userRow(id, fields, organizationId, now));
      if (address) addresses.push([address, id, true]);
      for (const { thirdParty, id: externalId } of newThirdPartyIds) thirdPartyIds.push([thirdParty, externalId, id]);
      const externalIds = newThirdPartyIds.map((one) => one.id);
      for (const term of searchTerms([fields.name!, address ?? '', ...externalIds]))
        terms.push([id, term, organizationId]);
    }
    await insertRows(db, 'users', USER_COLUMNS, users);
    await endVerificationLinks(db, { address: In(addresses.map(([address]) => address)) });
    await insertRows(db, 'email_addresses', ['address', 'user_id', 'is_primary'], addresses);
    await insertRows(db, 'third_party_ids', ['third_party', 'external_id', 'user_id'], thirdPartyIds);
    await insertRows(db, 'user_search_terms', ['user_id', 'term', 'organization_id'], terms);
  }

  /** The current time, in the format that both engines accept as a parameter. */
  private instant(): string {
    const iso = this.clock.now().toISOString();
    return this.dataSource.options.type === 'postgres' ? iso : iso.replace('T', ' ').slice(0, -1);
  }
}

type Report = (line: number, result: DomainError | ReturnType<ImportPlan['add']>) => void;

function isUserRow(row: UserRow | Fault): row is UserRow {
  return !('error' in row);
}

function addAll(plan: ImportPlan, rows: (UserRow | Fault)[], report: Report): void {
  for (const row of rows) {
    try {
      report(row.line, 'error' in row ? row.error : plan.add(row));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      report(row.line, error);
    }
  }
}

/** The values in the order of `USER_COLUMNS`. */
function userRow(id: string, fields: Account['fields'], organizationId: string, now: string): Value[] {
  const {
    name,
    locale = null,
    timeZone = null,
    description = null,
    domicile = null,
    yearOfBirth = null,
  } = profileOf(fields);
  const status = fields.status ?? 'ACTIVE';
  return [id, 'USER', status, name!, locale, timeZone, description, domicile, yearOfBirth, organizationId, now];
}
