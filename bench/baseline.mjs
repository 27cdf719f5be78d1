// The baseline for the service: the same work on the same tables with as little as Node allows. Each route has one
// handler, SQL is written by hand, and each token is one HMAC. There is no framework above Fastify, no ORM and no
// layers. It gives the service's answers to good requests, and little else.
//
// It reads the same environment as the service.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers';
import Fastify from 'fastify';
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
} = process.env;

/** Who may let whom in, and through which group. The statement around it sets `caller`, `client` and `target`. */
const ALLOWED = `
  "users" caller CROSS JOIN "clients" client CROSS JOIN "users" target
  JOIN "memberships" m ON m."user_id" = target."id" AND m."status" = 'JOINED'
  JOIN "groups" g ON g."id" = m."group_id" AND g."organization_id" = caller."staff_organization_id"
  LEFT JOIN "group_staff" s ON s."user_id" = caller."id" AND s."group_id" = g."id" AND s."permission" = 'MANAGE'
  WHERE target."status" = 'ACTIVE' AND caller."status" = 'ACTIVE'
    AND EXISTS (SELECT 1 FROM "account_permissions" p WHERE p."user_id" = caller."id" AND p."permission" = 'OBTAIN_ACCESS_TOKENS')
    AND (s."user_id" IS NOT NULL
      OR EXISTS (SELECT 1 FROM "account_permissions" a WHERE a."user_id" = caller."id" AND a."permission" = 'MANAGE_ALL_GROUPS'))`;

// Each statement checks and inserts at once. It uses every parameter once and in order, because SQLite binds them by
// position.
const ISSUE = {
  name: 'issue',
  sql: `INSERT INTO "login_tokens" ("id", "user_id", "caller_id", "client_id", "group_id", "issued_at", "expires_at", "secure", "return_to")
        SELECT $1, target."id", caller."id", client."id", g."id", $2, $3, FALSE, $4
        FROM ${ALLOWED} AND caller."id" = $5 AND client."id" = $6 AND target."id" = $7
        LIMIT 1
        RETURNING "user_id"`,
};
const REDEEM = {
  name: 'redeem',
  sql: `INSERT INTO "sessions" ("id", "secret_hash", "user_id", "login_token_id", "secure", "created_at", "last_seen_at", "expires_at")
        SELECT $1, $2, t."user_id", t."id", t."secure", $3, $4, $5 FROM "login_tokens" t
        WHERE t."id" = $6 AND t."expires_at" > $7 AND t."revoked_at" IS NULL
          AND EXISTS (SELECT 1 FROM ${ALLOWED} AND caller."id" = t."caller_id" AND client."id" = t."client_id" AND target."id" = t."user_id")
        ON CONFLICT ("login_token_id") DO NOTHING
        RETURNING (SELECT t."return_to" FROM "login_tokens" t WHERE t."id" = "login_token_id") AS return_to`,
};

const database = await (DATABASE_URL ? openPostgres() : openSqlite());
const app = Fastify();

app.get('/api/2.1.1/access/:user', async (request, reply) => {
  const caller = verify(SECRET_KEY, (request.headers.authorization ?? '').slice('Bearer '.length));
  if (!caller) return reply.code(401).send({ id: 'not_authenticated' });
  const id = randomUUID();
  const iat = Math.floor(Date.now() / 1000);
  const exp = iat + Number(LOGIN_TOKEN_TTL);
  const expires = new Date(exp * 1000).toISOString();
  const issued = await database.write(ISSUE, [
    id,
    database.instant(new Date(iat * 1000).toISOString()),
    database.instant(expires),
    request.query.returnTo ?? null,
    caller.sub,
    caller.client_id,
    request.params.user,
  ]);
  if (!issued) return reply.code(403).send({ id: 'not_authorized' });
  const token = sign(SECRET_KEY, {
    iss: PUBLIC_URL,
    aud: `${PUBLIC_URL}/login`,
    sub: issued.user_id,
    exp,
    authorities: ['ROLE_USER'],
    jti: id,
    client_id: caller.client_id,
    scope: ['ROLE_USER'],
    iat,
    act: { sub: caller.sub },
  });
  return reply
    .header('Cache-Control', 'no-store')
    .send({ token, url: `${PUBLIC_URL}/login?token=${token}`, expires: `${expires.slice(0, 19)}Z` });
});

app.get('/login', async (request, reply) => {
  const token = verify(SECRET_KEY, request.query.token ?? '');
  if (!token) return reply.code(401).send({ id: 'invalid_token' });
  const secret = randomBytes(32).toString('base64url');
  const now = Date.now();
  const instant = database.instant(new Date(now).toISOString());
  const started = await database.write(REDEEM, [
    randomBytes(16).toString('base64url'),
    createHash('sha256').update(secret).digest('base64url'),
    instant,
    instant,
    database.instant(new Date(now + SESSION_LIFETIME * 1000).toISOString()),
    token.jti,
    instant,
  ]);
  if (!started) return reply.code(410).send({ id: 'token_used' });
  return reply
    .header('Cache-Control', 'no-store')
    .header('Set-Cookie', `latchkey=${secret}; Path=/; HttpOnly; SameSite=Lax`)
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

/** All writes of one turn of the event loop share one transaction and so one flush to the disk. */
async function openSqlite() {
  const { default: Database } = await import('better-sqlite3');
  const sqlite = new Database(DATABASE_PATH);
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = FULL');
  sqlite.pragma('foreign_keys = ON');
  const prepared = new Map(
    [ISSUE, REDEEM].map((statement) => [statement, sqlite.prepare(statement.sql.replaceAll(/\$\d+/g, '?'))]),
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
    instant: (iso) => iso.replace('T', ' ').slice(0, -1),
  };
}

async function openPostgres() {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(DATABASE_POOL_SIZE) });
  return {
    write: async ({ name, sql }, values) => (await pool.query({ name, text: sql, values })).rows[0],
    instant: (iso) => iso,
  };
}
