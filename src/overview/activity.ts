import { countLogins } from '../audit-search/logins.js';
import type { Period } from '../audit-search/logins.js';
import { addSeconds, toIso } from '../common/clock.js';
import type { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import type { AuditDetails } from '../schema/entities/audit-events.js';
import { REFUSALS } from './dto/overview.dto.js';
import type { HourDto, RefusalCountDto } from './dto/overview.dto.js';

const HOURS = 24;
const HOUR_SECONDS = 3600;
/** Up to this many events of a kind are counted in an hour, so that a busy day costs no more than this. */
const MAX_COUNTED = 10_000;

const oneKind = (event: string): string =>
  `SELECT * FROM (SELECT e."event", e."rule", e."details" FROM "audit_events" e
    WHERE e."organization_id" = $1 AND e."event" = '${event}' AND e."at" >= $2 AND e."at" < $3 LIMIT ${MAX_COUNTED}) "${event}"`;

/** The refusals of a period by their reasons. Each kind is a range of an index. */
export const COUNT_REFUSALS: Statement = {
  name: 'count_refusals',
  sql: `SELECT r."event", r."rule", r."details", COUNT(*) AS "count"
    FROM (${REFUSALS.map(oneKind).join(' UNION ALL ')}) r GROUP BY r."event", r."rule", r."details"`,
};

interface RefusalRow {
  event: RefusalCountDto['event'];
  rule: number | null;
  details: string | null;
  count: number | string;
}

/** What happened in an organization in the hour of `now` and the 23 hours before it. */
export async function findActivity(
  database: Database,
  organizationId: string,
  now: Date,
): Promise<{ hours: HourDto[]; refusals: RefusalCountDto[] }> {
  const thisHour = now.getTime() - (now.getTime() % (HOUR_SECONDS * 1000));
  const hours: HourDto[] = [];
  const refusals = new Map<string, RefusalCountDto>();
  for (let index = HOURS - 1; index >= 0; index--) {
    const from = addSeconds(new Date(thisHour), -index * HOUR_SECONDS);
    const period = { from, to: addSeconds(from, HOUR_SECONDS) };
    const [logins, sessions, refused] = await Promise.all([
      countLogins(database, 'ACCESS_ISSUED', { organizationId }, period, MAX_COUNTED),
      countLogins(database, 'SESSION_STARTED', { organizationId }, period, MAX_COUNTED),
      findRefusals(database, organizationId, period),
    ]);
    hours.push({ from: toIso(from), logins, sessions, refusals: sumOf(refused) });
    for (const one of refused) {
      const key = JSON.stringify([one.event, one.rule, one.reason]);
      refusals.set(key, { ...one, count: one.count + (refusals.get(key)?.count ?? 0) });
    }
  }
  return { hours, refusals: [...refusals.values()].toSorted((a, b) => b.count - a.count) };
}

async function findRefusals(
  database: Database,
  organizationId: string,
  { from, to }: Period,
): Promise<RefusalCountDto[]> {
  const rows = await database.read<RefusalRow>(COUNT_REFUSALS, [organizationId, from, to]);
  return rows.map(({ event, rule, details, count }) => ({
    event,
    rule: rule ?? undefined,
    reason: details === null ? undefined : (JSON.parse(details) as AuditDetails).reason,
    count: Number(count),
  }));
}

function sumOf(refusals: RefusalCountDto[]): number {
  return refusals.reduce((sum, { count }) => sum + count, 0);
}
