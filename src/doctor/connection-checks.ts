import type { Settings } from '../config/settings.js';
import type { ExaminedDatabase } from './examined-database.js';
import { error, ok, warning } from './finding.js';
import type { Finding } from './finding.js';

const STATE = `
  SELECT pg_is_in_recovery() AS "isStandby", current_setting('server_encoding') AS "encoding",
         LEAST(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
               (SELECT NULLIF(r.rolconnlimit, -1) FROM pg_roles r WHERE r.rolname = CURRENT_USER),
               (SELECT NULLIF(d.datconnlimit, -1) FROM pg_database d WHERE d.datname = current_database())) AS "limit",
         (SELECT COUNT(*)::int FROM pg_stat_activity a
          WHERE a.backend_type = 'client backend' AND a.application_name <> 'latchkey' AND a.pid <> pg_backend_pid()) AS "others"`;

interface State {
  isStandby: boolean;
  encoding: string;
  limit: number;
  others: number;
}

export async function examineConnections(
  database: ExaminedDatabase,
  { DATABASE_POOL_SIZE }: Settings,
): Promise<Finding[]> {
  if (!database.isPostgres) return [];
  const [state] = await database.rows<State>(STATE);
  const { isStandby, limit, others } = state!;
  if (isStandby)
    return [
      error('database', 'The database is a standby, which takes no writes.', 'Point DATABASE_URL to the primary.'),
    ];
  const free = limit - others;
  const text = `An instance takes up to ${DATABASE_POOL_SIZE} connections; ${free} of ${limit} are free for Latchkey.`;
  const advice = 'Lower DATABASE_POOL_SIZE, raise max_connections, or put PgBouncer in between.';
  if (DATABASE_POOL_SIZE > free) return [error('connections', text, advice)];
  if (2 * DATABASE_POOL_SIZE > free)
    return [warning('connections', `${text} Two instances, as during an upgrade, don't fit.`, advice)];
  return [ok('connections', text)];
}
