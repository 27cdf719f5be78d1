import { ALONE, by, counter, gauge, histogram } from './series.js';
import type { Count, Observer } from './series.js';

/*
 * What the service counts (docs/metrics.md has the table). Labels are short lists that stand here: never a user, a
 * group, a client or an organization.
 */

const ACCESS_ERRORS = {
  refused: [
    'invalid_request',
    'missing_field',
    'incorrect_field',
    'not_authenticated',
    'not_authorized',
    'unknown_user',
    'too_many_requests',
    'other',
  ],
  failed: ['internal_error', 'unavailable'],
};

/** How a host asked: by the access call, or by the grant with `resource` as the login route. */
export type AccessWay = 'call' | 'grant';

function accessSeries(way: AccessWay): [string, Record<string, string>][] {
  const series = Object.entries(ACCESS_ERRORS).flatMap(([outcome, ids]) => ids.map((id) => ({ way, outcome, id })));
  return [{ way, outcome: 'issued', id: '' }, ...series].map((labels) => [`${way} ${labels.id || 'issued'}`, labels]);
}

const accessCalls = counter(
  'latchkey_access_calls_total',
  'Requests of hosts to let a user in, by the way they came, outcome and error id.',
  Object.fromEntries([...accessSeries('call'), ...accessSeries('grant')]),
);

const ISSUED = { call: accessCalls['call issued']!, grant: accessCalls['grant issued']! };

export function countAccessIssued(way: AccessWay): void {
  ISSUED[way].inc();
}

/** `id` is an error id of the API. */
export function countAccessRefused(way: AccessWay, id: string): void {
  (accessCalls[`${way} ${id}`] ?? accessCalls[`${way} other`]!).inc();
}

export const redemptions = counter(
  'latchkey_redemptions_total',
  'Login tokens that browsers brought, by what came of it.',
  by('outcome', [
    'started',
    'kept',
    'asked',
    'token_used',
    'token_expired',
    'invalid_token',
    'invalid_request',
    'missing_field',
    'too_many_requests',
    'failed',
  ]),
);

export const { all: redemptionSeconds } = histogram(
  'latchkey_redemption_duration_seconds',
  'Time to redeem a login token that has started a session.',
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  ALONE,
);

export const { all: tokenAge } = histogram(
  'latchkey_login_token_age_seconds',
  'Age of a login token when it starts a session. Below 0 if the clocks of two instances differ.',
  [0, 1, 2, 5, 15, 30, 60, 120, 300, 900, 3600],
  ALONE,
);

export const { all: sessionsStarted } = counter(
  'latchkey_sessions_started_total',
  'Web sessions that login tokens have started.',
  ALONE,
);

/** For sessions that somebody or something has ended. Sessions that run out end without anybody noticing. */
export const sessionsEnded = counter(
  'latchkey_sessions_ended_total',
  'Web sessions that were ended, by reason. Those that ran out are not counted.',
  by('reason', ['LOGOUT', 'BY_USER', 'BY_ADMINISTRATOR', 'RIGHT_REVOKED', 'REPLACED', 'ALL_REVOKED']),
);

/** Counts the rows that a statement has ended; a row without a reason had run out before. */
export function countEnded(rows: { reason: keyof typeof sessionsEnded | null }[]): void {
  for (const { reason } of rows) if (reason) sessionsEnded[reason].inc();
}

export const forwardAuth = counter(
  'latchkey_forward_auth_total',
  'Answers to proxies, by answer, and by whether memory or the database knew the visitor.',
  {
    passedFromMemory: { answer: 'passed', source: 'remembered' },
    passed: { answer: 'passed', source: 'database' },
    signedOut: { answer: 'signed_out', source: 'database' },
    sentToSignIn: { answer: 'sent_to_sign_in', source: 'database' },
    redirected: { answer: 'redirected', source: 'database' },
    refused: { answer: 'refused', source: 'database' },
    failed: { answer: 'failed', source: 'database' },
  },
);

const GRANTS = {
  authorization_code: 'authorization_code',
  refresh_token: 'refresh_token',
  'urn:ietf:params:oauth:grant-type:jwt-bearer': 'jwt_bearer',
  other: 'other',
};

export type GrantOutcome = 'issued' | 'refused' | 'failed';

const grants = counter(
  'latchkey_oauth_grants_total',
  'Requests at the token endpoint, by grant type and outcome.',
  Object.fromEntries(
    Object.entries(GRANTS).flatMap(([type, grant]) =>
      ['issued', 'refused', 'failed'].map((outcome) => [`${type} ${outcome}`, { grant, outcome }]),
    ),
  ),
);

/** `type` is what the request says, which may be anything. */
export function countGrant(type: string, outcome: GrantOutcome): void {
  (grants[`${type} ${outcome}`] ?? grants[`other ${outcome}`]!).inc();
}

export const assertionsRefused = counter(
  'latchkey_assertions_refused_total',
  'Assertions of service accounts that were refused, by reason.',
  by('reason', ['key', 'expired', 'claims', 'client', 'subject', 'replayed', 'not_allowed']),
);

export const { all: revocationEffect } = histogram(
  'latchkey_revocation_effect_seconds',
  'Time from the end of a session to when this instance could no longer let it pass.',
  [0.25, 0.5, 1, 1.5, 2, 3, 5],
  ALONE,
);

/** The statements of the hot paths. The others are counted together, as `other`. */
const STATEMENTS = [
  'record_login_token',
  'add_delegation',
  'start_session',
  'find_session',
  'touch_session',
  'end_session',
  'find_identity',
  'is_token_live',
  'is_delegated_token_live',
  'load_signing_keys',
  'record_audit_event',
  'find_oauth_record',
  'transaction',
  'other',
] as const;

const statements = histogram(
  'latchkey_statement_duration_seconds',
  'Time of a statement until its answer, with the wait for a connection or the writer and, where it writes, the commit.',
  [0.005, 0.05, 0.5],
  by('statement', STATEMENTS),
);

/** The series of a statement. A name may end in the kind of reference that the statement takes. */
export function statementSeconds(name: string): Observer {
  return statements[STATEMENTS.find((one) => name === one || isOfKind(name, one)) ?? 'other'];
}

function isOfKind(name: string, statement: string): boolean {
  return name.startsWith(`${statement}_`) && /^(id|emailAddress|thirdPartyId)$/.test(name.slice(statement.length + 1));
}

export const connections = gauge(
  'latchkey_database_connections',
  'Connections to PostgreSQL, and what waits for one. 0 on SQLite.',
  by('state', ['total', 'idle', 'waiting']),
);

export const { all: writerQueue } = gauge(
  'latchkey_sqlite_writer_queue',
  'Writes that wait for the one writer of SQLite. 0 on PostgreSQL.',
  ALONE,
);

export const { all: databaseUp } = gauge('latchkey_database_up', 'Whether the database answers: 1, or 0.', ALONE);

export const { all: databaseReadOnly } = gauge(
  'latchkey_database_read_only',
  'Whether the database takes no writes: 1, or 0.',
  ALONE,
);

export const signingKeyAge = gauge(
  'latchkey_signing_key_age_seconds',
  'Time for which the current signing key of each purpose has been signing.',
  by('purpose', ['LOGIN', 'ACCESS', 'ID_RS256', 'ID_ES256', 'ID_EDDSA']),
);

export const webhookDeliveries = counter(
  'latchkey_webhook_deliveries_total',
  'Events that were sent to webhooks, by outcome: taken, refused with another status than 2xx, or without an answer.',
  by('outcome', ['delivered', 'refused', 'unanswered']),
);

export const { all: webhookDelay } = histogram(
  'latchkey_webhook_delay_seconds',
  'Time from an event to its delivery to a webhook.',
  [0.25, 0.5, 1, 2, 5, 30, 300, 3600],
  ALONE,
);

export const { all: webhookLag } = gauge(
  'latchkey_webhook_lag_seconds',
  'Age of the oldest event that this instance has not delivered yet to one of its webhooks.',
  ALONE,
);

export const retentionLag = gauge(
  'latchkey_retention_lag_seconds',
  'How much longer the oldest record has been kept than it should be.',
  by('records', ['logins', 'audit_events']),
);

const ROUTES = [
  'forward_auth',
  'access',
  'login',
  'session',
  'token',
  'oauth',
  'api',
  'console',
  'health',
  'pages',
  'unknown',
] as const;

/** A group of routes. */
export type Route = (typeof ROUTES)[number];

const CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;

const httpSeconds = histogram(
  'latchkey_http_request_duration_seconds',
  'Time from a request to its answer, by group of routes.',
  [0.01, 0.1, 0.5, 2],
  by('route', ROUTES),
);

const httpRequests = counter(
  'latchkey_http_requests_total',
  'Answered requests, by group of routes and class of status.',
  Object.fromEntries(
    ROUTES.flatMap((route) => CLASSES.map((status) => [`${route} ${status}`, { route, status }] as const)),
  ),
);

/** What is counted of each answer of one group of routes. */
export class RouteMetrics {
  private readonly seconds: Observer;
  private readonly counts: Count[];

  constructor(route: Route) {
    this.seconds = httpSeconds[route];
    this.counts = CLASSES.map((status) => httpRequests[`${route} ${status}`]!);
  }

  count(status: number, ms: number): void {
    this.counts[Math.min(Math.max(Math.floor(status / 100), 2), 5) - 2]!.inc();
    this.seconds.observe(ms / 1000);
  }
}
