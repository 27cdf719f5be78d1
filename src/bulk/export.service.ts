import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { stringify } from 'csv-stringify';
import { MoreThan } from 'typeorm';
import type { DataSource } from 'typeorm';
import { Clock } from '../common/clock.js';
import { findOrganization } from '../organizations/find-organization.js';
import { ThirdParty } from '../schema/entities/third-party.entity.js';
import { GroupNames } from './group-names.js';
import { hasEnded, showPeriod } from '../rights/period.js';
import { readUsers } from './read-users.js';
import type { UserRecord } from './read-users.js';
import { COLUMNS, THIRD_PARTY_ID } from './user-file-format.js';

/** How many accounts are read at once. */
const BATCH = 500;

type Row = Record<string, string | number | null | undefined>;

/** Exports users, their third-party IDs and their memberships in the format that the import reads. */
@Injectable()
export class ExportService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Exports as CSV, row by row. @throws Error if there is no such organization */
  async *export(organization: string, onProgress: (users: number, total: number) => void): AsyncGenerator<string> {
    const { id, userCount } = await findOrganization(this.dataSource.manager, organization);
    const thirdParties = await this.dataSource.manager.find(ThirdParty, {
      where: { organizationId: id },
      order: { code: 'ASC' },
    });
    const columns = [...COLUMNS, ...thirdParties.map(({ code }) => THIRD_PARTY_ID + code)];
    const csv = stringify({ columns, header: true, escape_formulas: true });
    const groups = await GroupNames.of(this.dataSource.manager, id);
    let users = 0;
    for await (const batch of this.batches(id)) {
      for (const record of batch) for (const row of rowsOf(record, groups, this.clock.now())) csv.write(row);
      yield drain(csv);
      onProgress((users += batch.length), userCount);
    }
    csv.end();
    yield drain(csv);
  }

  private async *batches(organizationId: string): AsyncGenerator<UserRecord[]> {
    for (let after = ''; ;) {
      const where = { organizationId, type: 'USER', id: MoreThan(after) } as const;
      const users = await readUsers(this.dataSource.manager, where, BATCH);
      if (users.length === 0) return;
      yield users;
      after = users.at(-1)!.user.id;
    }
  }
}

/** One row for each group that a user is in, or will be, or one row for a user without groups. */
function rowsOf(record: UserRecord, groups: GroupNames, now: Date): Row[] {
  const { name, locale, timeZone, description, domicile, yearOfBirth, status } = record.user;
  const row: Row = { name, locale, timeZone, description, domicile, yearOfBirth, status };
  row.emailAddress = record.emailAddress;
  for (const [code, id] of record.thirdPartyIds) row[THIRD_PARTY_ID + code] = id;
  const joined = record.memberships.flatMap((membership) => {
    const group = groups.nameOf(membership.groupId);
    const counts = membership.status === 'JOINED' && !hasEnded(membership, now);
    return group !== null && counts ? [{ group, ...showPeriod(membership) }] : [];
  });
  return joined.length === 0 ? [row] : joined.map((membership) => Object.assign(membership, row));
}

/** The text written since the last call. */
function drain(csv: ReturnType<typeof stringify>): string {
  return (csv.read() as Buffer | null)?.toString() ?? '';
}
