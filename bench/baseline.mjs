// The baseline for the service: the same work with as little as Node and the database allow. Each route has one
// handler, SQL is written by hand, and each token is one HMAC. There is no framework above Fastify, no ORM, no layers,
// and nothing searches what was recorded. It gives the service's answers to good requests, and little else.
//
// Its tables are its own, and the smallest that do the job: IDs of 16 bytes, instants as integers, and one key each.
// The key of tokens grows with time, so that rows are added at the end. A session has the key of its token, so that one
// insert redeems a token once.
//
// It reads the same environment as the service, and USERS.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers';
import Fastify from 'fastify';
import { CALLER, tables } from './dataset.mjs';
import { sign, verify } from './tokens.mjs';

const {
  DATABASE_URL,
  DATABASE_PATH,
  DATABASE_POOL_SIZE = 10,
  HOST,
  PORT,
  PUBLIC_URL,
  SECRET_KEY,
  LOGIN_TOKEN_TTL,
  SESSION_LIFETIME = 43_200,
  USERS,
} = process.env;

const TABLES = [
  'accounts (id BYTES PRIMARY KEY, is_active BOOLEAN, staff_of BYTES, lets_in BOOLEAN)',
  'clients (id BYTES PRIMARY KEY)',
  'groups (id BYTES PRIMARY KEY, organization_id BYTES)',
  'members (user_id BYTES, group_id BYTES, PRIMARY KEY (user_id, group_id))',
  'managers (user_id BYTES, group_id BYTES, PRIMARY KEY (user_id, group_id))',
  `tokens (id BYTES PRIMARY KEY, user_id BYTES, caller_id BYTES, client_id BYTES, group_id BYTES, issued_at BIGINT,
           expires_at BIGINT, return_to TEXT)`,
  'sessions (token_id BYTES PRIMARY KEY, secret_hash BYTES, started_at BIGINT, seen_at BIGINT, expires_at BIGINT)',
];

/** Who may let whom in, and through which group. */
const allowed = (caller, client, target) => `
  FROM members m
  CROSS JOIN managers s
  CROSS JOIN groups g
  CROSS JOIN accounts c
  CROSS JOIN accounts t
  CROSS JOIN clients k
  WHERE m.user_id = ${target} AND s.user_id = ${caller} AND s.group_id = m.group_id AND g.id = m.group_id
    AND c.id = ${caller} AND c.is_active AND c.lets_in AND c.staff_of = g.organization_id
    AND t.id = ${target} AND t.is_active AND k.id = ${client}`;

// Each statement checks and inserts at once.
const ISSUE = {
  name: 'issue',
  sql: `INSERT INTO tokens SELECT $1, $2, $3, $4, m.group_id, $5, $6, $7 ${allowed('$3', '$4', '$2')} LIMIT 1
        RETURNING 1`,
};
const REDEEM = {
  name: 'redeem',
  sql: `INSERT INTO sessions SELECT o.id, $2, $3, $3, $4 FROM tokens o
        WHERE o.id = $1 AND o.expires_at > $3 AND EXISTS (SELECT 1 ${allowed('o.caller_id', 'o.client_id', 'o.user_id')})
        ON CONFLICT DO NOTHING
        RETURNING (SELECT o.return_to FROM tokens o WHERE o.id = token_id) AS return_to`,
};

const database = await (DATABASE_URL ? openPostgres() : openSqlite());
const app = Fastify();

app.get('/api/2.1.1/access/:user', async (request, reply) => {
  const caller = verify(SECRET_KEY, (request.headers.authorization ?? '').slice('Bearer '.length));
  if (!caller) return reply.code(401).send({ id: 'not_authenticated' });
  const { user } = request.params;
  const id = newKey();
  const iat = Math.floor(Date.now() / 1000);
  const exp = iat + Number(LOGIN_TOKEN_TTL);
  const issued = await database.write(ISSUE, {
    1: id,
    2: Buffer.from(user, 'base64url'),
    3: Buffer.from(caller.sub, 'base64url'),
    4: Buffer.from(caller.client_id, 'hex'),
    5: iat,
    6: exp,
    7: request.query.returnTo ?? null,
  });
  if (!issued) return reply.code(403).send({ id: 'not_authorized' });
  const token = sign(SECRET_KEY, {
    iss: PUBLIC_URL,
    aud: `${PUBLIC_URL}/login`,
    sub: user,
    exp,
    authorities: ['ROLE_USER'],
    jti: id.toString('base64url'),
    client_id: caller.client_id,
    scope: ['ROLE_USER'],
    iat,
    act: { sub: caller.sub },
  });
  const expires = `${new Date(exp * 1000).toISOString().slice(0, 19)}Z`;
  return reply.header('Cache-Control', 'no-store').send({ token, url: `${PUBLIC_URL}/login?token=${token}`, expires });
});

app.get('/login', async (request, reply) => {
  const token = verify(SECRET_KEY, request.query.token ?? '');
  if (!token) return reply.code(401).send({ id: 'invalid_token' });
  const secret = randomBytes(32);
  const now = Math.floor(Date.now() / 1000);
  const started = await database.write(REDEEM, {
    1: Buffer.from(token.jti, 'base64url'),
    2: createHash('sha256').update(secret).digest(),
    3: now,
    4: now + Number(SESSION_LIFETIME),
  });
  if (!started) return reply.code(410).send({ id: 'token_used' });
  return reply
    .header('Cache-Control', 'no-store')
    .header('Set-Cookie', `latchkey=${token.jti}.${secret.toString('base64url')}; Path=/; HttpOnly; SameSite=Lax`)
    .redirect(started.return_to ?? '/', 303);
});

// It does only necessary work: sessions are in a Map by secret, with their answers already built.
const sessions = new Map();

app.post('/sessions', (_request, reply) => {
  const secret = randomBytes(32).toString('base64url');
  const id = randomBytes(16).toString('base64url');
  sessions.set(secret, {
    'X-Latchkey-User': id,
    'X-Latchkey-Email': 'user0000001@academy.test',
    'X-Latchkey-Name': 'User 1',
    'X-Latchkey-Third-Party-Ids': '',
    'X-Latchkey-Actor': id,
    // As long as a signed assertion.
    'X-Latchkey-Assertion': sign(SECRET_KEY, { sub: id, name: 'User 1', filling: 'x'.repeat(300) }),
    'Cache-Control': 'no-store',
  });
  return reply.send({ cookie: `latchkey=${secret}` });
});

app.get('/forward-auth', (request, reply) => {
  const secret = /(?:^|; )latchkey=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  const said = sessions.get(secret);
  if (said) reply.headers(said).header('Cookie', '').send();
  else reply.code(401).send();
});

await app.listen({ host: HOST, port: Number(PORT) });

/** 16 bytes: milliseconds first, and 74 random bits, as in UUIDv7. */
function newKey() {
  const key = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  key.writeUIntBE(Date.now(), 0, 6);
  return key;
}

/** All writes of one turn of the event loop share one transaction and so one flush to the disk. */
async function openSqlite() {
  const { default: Database } = await import('better-sqlite3');
  const sqlite = new Database(DATABASE_PATH);
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = FULL');
  sqlite.pragma('wal_autocheckpoint = 4000');
  for (const table of TABLES) sqlite.exec(`CREATE TABLE ${table.replaceAll('BYTES', 'BLOB')} WITHOUT ROWID`);
  const inserts = sqlite.transaction((rows) => {
    for (const [table, values] of rows)
      sqlite.prepare(`INSERT INTO ${table} VALUES (${values.map(() => '?').join()})`).run(values.map(toSqlite));
  });
  inserts(filling());
  sqlite.exec('ANALYZE');
  const prepared = new Map(
    // The name of a parameter is its number.
    [ISSUE, REDEEM].map((statement) => [statement, sqlite.prepare(statement.sql)]),
  );
  const commit = sqlite.transaction((writes) =>
    writes.map(({ statement, values }) => prepared.get(statement).get(values)),
  );
  let waiting = [];

  function flush() {
    const writes = waiting;
    waiting = [];
    try {
      const results = commit.immediate(writes);
      writes.forEach(({ resolve }, index) => resolve(results[index]));
    } catch (error) {
      for (const { reject } of writes) reject(error);
    }
  }

  return {
    write: (statement, values) =>
      new Promise((resolve, reject) => {
        if (waiting.push({ statement, values, resolve, reject }) === 1) setImmediate(flush);
      }),
  };
}

function toSqlite(value) {
  return typeof value === 'boolean' ? Number(value) : value;
}

/** One statement a call, on as many connections as the service has. */
async function openPostgres() {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(DATABASE_POOL_SIZE) });
  for (const table of TABLES) await pool.query(`CREATE TABLE ${table.replaceAll('BYTES', 'BYTEA')}`);
  const client = await pool.connect();
  await client.query('BEGIN');
  for (const [table, values] of filling())
    await client.query(`INSERT INTO ${table} VALUES (${values.map((_, index) => `$${index + 1}`).join()})`, values);
  await client.query('COMMIT');
  client.release();
  await pool.query('VACUUM ANALYZE');
  return {
    write: async ({ name, sql }, values) =>
      (await pool.query({ name, text: sql, values: Object.values(values) })).rows[0],
  };
}

/** The people and groups of the service's database, as pairs of a table and a row. */
function* filling() {
  const data = tables(Number(USERS));
  for (const { id, staff_organization_id } of data.users)
    yield ['accounts', [bytes(id), true, bytes(staff_organization_id), id === CALLER.userId]];
  for (const { id } of data.clients) yield ['clients', [Buffer.from(id, 'hex')]];
  for (const { id, organization_id } of data.groups) yield ['groups', [bytes(id), bytes(organization_id)]];
  for (const { user_id, group_id } of data.memberships) yield ['members', [bytes(user_id), bytes(group_id)]];
  for (const { user_id, group_id } of data.group_staff) yield ['managers', [bytes(user_id), bytes(group_id)]];
}

function bytes(id) {
  return id === null ? null : Buffer.from(id, 'base64url');
}
