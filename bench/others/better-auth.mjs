// A site that lets users in with better-auth: an administrator impersonates a user, and a one-time token carries a
// session to another site. Durability, connections and the number of users are those of the service.
//
// It reads DATABASE_PATH or DATABASE_URL, HOST, PORT, PUBLIC_URL, SECRET_KEY and USERS.
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { admin } from 'better-auth/plugins/admin';
import { oneTimeToken } from 'better-auth/plugins/one-time-token';

const { DATABASE_PATH, DATABASE_URL, HOST, PORT, PUBLIC_URL, SECRET_KEY, USERS } = process.env;
const ADMINISTRATOR = { email: 'administrator@academy.test', password: 'harbour-lantern-42', name: 'Administrator' };

const database = await (DATABASE_URL ? openPostgres() : openSqlite());
const options = {
  database,
  baseURL: PUBLIC_URL,
  secret: SECRET_KEY,
  emailAndPassword: { enabled: true },
  // Every measured request comes from one address.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: 'error' },
  plugins: [admin(), oneTimeToken({ storeToken: 'hashed' })],
};
const auth = betterAuth(options);
const { runMigrations } = await getMigrations(options);
await runMigrations();

const { internalAdapter } = await auth.$context;
const userIds = [];
for (let number = 0; number < Number(USERS); number++) {
  const email = `user${String(number).padStart(7, '0')}@academy.test`;
  const { id } = await internalAdapter.createUser({ email, name: `User ${number}`, emailVerified: true });
  userIds.push(id);
}
const { response } = await auth.api.signUpEmail({ body: ADMINISTRATOR, returnHeaders: true });
await internalAdapter.updateUser(response.user.id, { role: 'admin' });
const { headers } = await auth.api.signInEmail({ body: ADMINISTRATOR, returnHeaders: true });
const cookie = headers
  .getSetCookie()
  .map((line) => line.split(';')[0])
  .join('; ');

const handle = toNodeHandler(auth);
createServer((request, response) => {
  if (request.url === '/administrator') response.end(JSON.stringify({ cookie, userIds }));
  else void handle(request, response);
}).listen(Number(PORT), HOST);

async function openSqlite() {
  const { default: Database } = await import('better-sqlite3');
  const sqlite = new Database(DATABASE_PATH);
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = FULL');
  return sqlite;
}

async function openPostgres() {
  const { default: pg } = await import('pg');
  return new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
}
