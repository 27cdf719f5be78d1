import { addSeconds, SECONDS_PER_DAY, toIso } from '../common/clock.js';
import { fromMilliseconds, toInstant } from '../database/database.js';
import type { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import type { GroupScope } from '../groups/groups.policy.js';
import { isValidAt } from '../rights/period.js';
import type { EndingRightDto, FailingWebhookDto, WeakCredentialDto } from './dto/overview.dto.js';

/** Rights that end within this time need attention. */
const SOON_SECONDS = 7 * SECONDS_PER_DAY;
/** Keys and secrets that are older than this need attention. They don't expire. */
const OLD_SECONDS = 365 * SECONDS_PER_DAY;
/** How many rows of each kind are shown. */
const MAX_ROWS = 20;

/** The groups of an organization, `$3`, and those among them on which the user `$4` has a right at `$5`. */
const OF_ALL = `g."organization_id" = $3`;
const OF_STAFF = `${OF_ALL} AND EXISTS (SELECT 1 FROM "group_staff" own
  WHERE own."user_id" = $4 AND own."group_id" = g."id" AND ${isValidAt('own', '$5')})`;

function members(groups: string): string {
  return `SELECT g."id" AS "groupId", g."name" AS "groupName", COUNT(*) AS "count", MIN(m."valid_until") AS "validUntil"
    FROM "memberships" m CROSS JOIN "groups" g
    WHERE g."id" = m."group_id" AND m."valid_until" > $1 AND m."valid_until" <= $2 AND m."status" = 'JOINED' AND ${groups}
    GROUP BY g."id", g."name" ORDER BY 4, 1 LIMIT ${MAX_ROWS}`;
}

function staff(groups: string): string {
  return `SELECT u."id" AS "userId", u."name" AS "userName", g."id" AS "groupId", g."name" AS "groupName",
      s."permission", s."valid_until" AS "validUntil"
    FROM "group_staff" s CROSS JOIN "groups" g CROSS JOIN "users" u
    WHERE g."id" = s."group_id" AND u."id" = s."user_id" AND s."valid_until" > $1 AND s."valid_until" <= $2 AND ${groups}
    ORDER BY s."valid_until", u."id" LIMIT ${MAX_ROWS}`;
}

/**
 * The statements, each a range of an index that has nothing but rights that end. SQLite reads the tables of a CROSS JOIN
 * in their order; otherwise it would begin with all groups of the organization.
 */
export const ENDING = {
  members: { name: 'ending_memberships', sql: members(OF_ALL) },
  membersOfStaff: { name: 'ending_memberships_of_staff', sql: members(OF_STAFF) },
  staff: { name: 'ending_group_rights', sql: staff(OF_ALL) },
  staffOfStaff: { name: 'ending_group_rights_of_staff', sql: staff(OF_STAFF) },
  permissions: {
    name: 'ending_permissions',
    sql: `SELECT u."id" AS "userId", u."name" AS "userName", p."permission", p."valid_until" AS "validUntil"
      FROM "account_permissions" p CROSS JOIN "users" u
      WHERE u."id" = p."user_id" AND p."valid_until" > $1 AND p."valid_until" <= $2 AND u."staff_organization_id" = $3
      ORDER BY p."valid_until", u."id" LIMIT ${MAX_ROWS}`,
  },
} as const satisfies Record<string, Statement>;

interface EndingRow {
  userId?: string;
  userName?: string;
  groupId?: string;
  groupName?: string;
  permission?: string;
  count?: number | string;
  validUntil: number | string;
}

function toEnding(kind: EndingRightDto['kind'], row: EndingRow): EndingRightDto {
  const { userId, userName, groupId, groupName, permission, count, validUntil } = row;
  return {
    kind,
    user: userId === undefined ? undefined : { id: userId, name: userName! },
    group: groupId === undefined ? undefined : { id: groupId, name: groupName! },
    permission,
    count: count === undefined ? undefined : Number(count),
    validUntil: toIso(fromMilliseconds(validUntil)),
  };
}

/** The memberships, and the rights of staff, that end soon in these groups. */
export async function findEndingInGroups(
  database: Database,
  { organizationId, staff: only }: GroupScope,
  now: Date,
): Promise<EndingRightDto[]> {
  const period = [now.getTime(), addSeconds(now, SOON_SECONDS).getTime(), organizationId];
  const parameters = only ? [...period, only.userId, now.getTime()] : period;
  const [ofMembers, ofStaff] = await Promise.all([
    database.read<EndingRow>(only ? ENDING.membersOfStaff : ENDING.members, parameters),
    database.read<EndingRow>(only ? ENDING.staffOfStaff : ENDING.staff, parameters),
  ]);
  return [
    ...ofMembers.map((row) => toEnding('MEMBERSHIP', row)),
    ...ofStaff.map((row) => toEnding('GROUP_RIGHT', row)),
  ];
}

/** The permissions of an organization's staff that end soon. */
export async function findEndingPermissions(
  database: Database,
  organizationId: string,
  now: Date,
): Promise<EndingRightDto[]> {
  const parameters = [now.getTime(), addSeconds(now, SOON_SECONDS).getTime(), organizationId];
  const rows = await database.read<EndingRow>(ENDING.permissions, parameters);
  return rows.map((row) => toEnding('ACCOUNT_PERMISSION', row));
}

const NO_KEY: Statement = {
  name: 'service_accounts_without_key',
  sql: `SELECT u."id", u."name" FROM "users" u
    WHERE u."organization_id" = $1 AND u."type" = 'SERVICE_ACCOUNT' AND u."status" = 'ACTIVE'
      AND NOT EXISTS (SELECT 1 FROM "service_account_keys" k WHERE k."user_id" = u."id" AND k."revoked_at" IS NULL)
    ORDER BY u."id" LIMIT ${MAX_ROWS}`,
};
const OLD_KEYS: Statement = {
  name: 'old_service_account_keys',
  sql: `SELECT u."id", u."name", k."created_at" AS "createdAt"
    FROM "users" u JOIN "service_account_keys" k ON k."user_id" = u."id"
    WHERE u."organization_id" = $1 AND u."type" = 'SERVICE_ACCOUNT' AND k."revoked_at" IS NULL AND k."created_at" < $2
    ORDER BY k."created_at", k."id" LIMIT ${MAX_ROWS}`,
};
const OLD_SECRETS: Statement = {
  name: 'old_client_secrets',
  sql: `SELECT c."id", c."name", s."created_at" AS "createdAt"
    FROM "clients" c JOIN "client_secrets" s ON s."client_id" = c."id"
    WHERE c."organization_id" = $1 AND s."created_at" < $2
    ORDER BY s."created_at", s."id" LIMIT ${MAX_ROWS}`,
};

interface CredentialRow {
  id: string;
  name: string;
  createdAt: Date | string;
}

/** The service accounts without a key that works, and the keys and secrets that are old. */
export async function findWeakCredentials(
  database: Database,
  organizationId: string,
  now: Date,
): Promise<WeakCredentialDto[]> {
  const old = addSeconds(now, -OLD_SECONDS);
  const [withoutKey, keys, secrets] = await Promise.all([
    database.read<CredentialRow>(NO_KEY, [organizationId]),
    database.read<CredentialRow>(OLD_KEYS, [organizationId, old]),
    database.read<CredentialRow>(OLD_SECRETS, [organizationId, old]),
  ]);
  const created = ({ createdAt }: CredentialRow): string => toIso(toInstant(createdAt));
  return [
    ...withoutKey.map(({ id, name }) => ({ kind: 'NO_KEY' as const, serviceAccount: { id, name } })),
    ...keys.map((row) => ({
      kind: 'OLD_KEY' as const,
      serviceAccount: { id: row.id, name: row.name },
      created: created(row),
    })),
    ...secrets.map((row) => ({
      kind: 'OLD_SECRET' as const,
      client: { id: row.id, name: row.name },
      created: created(row),
    })),
  ];
}

const FAILING_WEBHOOKS: Statement = {
  name: 'failing_webhooks',
  sql: `SELECT w."id", COALESCE(w."description", w."url") AS "name", w."disabled_reason" AS "disabledReason",
      w."failing_since" AS "failingSince"
    FROM "webhook_endpoints" w
    WHERE w."organization_id" = $1 AND (w."disabled_reason" IN ('GONE', 'FAILING') OR (w."status" = 'ENABLED' AND w."failures" > 1))
    ORDER BY w."created_at", w."id" LIMIT ${MAX_ROWS}`,
};

interface WebhookRow {
  id: string;
  name: string;
  disabledReason: FailingWebhookDto['disabledReason'] | null;
  failingSince: number | string | null;
}

/** The webhooks that fail, not only once, and those that were disabled for it. */
export async function findFailingWebhooks(database: Database, organizationId: string): Promise<FailingWebhookDto[]> {
  const rows = await database.read<WebhookRow>(FAILING_WEBHOOKS, [organizationId]);
  return rows.map(({ id, name, disabledReason, failingSince }) => ({
    id,
    name,
    disabledReason: disabledReason ?? undefined,
    since: failingSince === null ? undefined : toIso(fromMilliseconds(failingSince)),
  }));
}
