import { isIP } from 'node:net';
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { plainToInstance, Transform } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min, ValidateBy, validateSync } from 'class-validator';
import type { ValidationOptions } from 'class-validator';
import { addSeconds } from '../common/clock.js';
import { urlsOfHosts } from './database-urls.js';
import { isOrigin } from '../common/origin.js';
import { isNetworkList } from '../common/trusted-proxies.js';
import { DEFAULT_COLORS, isReadable, readLogo } from './brand.js';
import type { BrandColors } from './brand.js';
import { StartError } from './start-error.js';
import { readTrustedIssuers } from './trusted-issuer.js';
import type { TrustedIssuer } from './trusted-issuer.js';

/** Texts from documentation, and placeholders that people type, are not accepted as secrets. */
const PLACEHOLDER = /change.?me|secret|example|password|placeholder|^(.)\1+$/i;

function toInteger({ value }: { value: unknown }): unknown {
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
}

function isOriginList(value: unknown): boolean {
  return typeof value === 'string' && value.split(/\s*,\s*/).every(isOrigin);
}

function isSecretKey(value: unknown): boolean {
  return typeof value === 'string' && value.length >= 32 && !PLACEHOLDER.test(value);
}

function IsOrigin(options: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    { name: 'isOrigin', validator: { validate: (value) => typeof value === 'string' && isOrigin(value) } },
    options,
  );
}

function IsOriginList(options: ValidationOptions): PropertyDecorator {
  return ValidateBy({ name: 'isOriginList', validator: { validate: isOriginList } }, options);
}

function IsSecretKey(): PropertyDecorator {
  return ValidateBy(
    { name: 'isSecretKey', validator: { validate: isSecretKey } },
    { message: 'SECRET_KEY must be at least 32 random characters; make one with: openssl rand -base64 48' },
  );
}

function isDatabaseUrl(value: unknown): boolean {
  return typeof value === 'string' && /^postgres(ql)?:\/\/./.test(value) && urlsOfHosts(value).every(isUrlOfHost);
}

/** Whether the URL of one host is valid. A password that is not percent-encoded can change the URL's host or port. */
function isUrlOfHost(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { username, password, hash, pathname } = new URL(value);
  try {
    decodeURIComponent(username + password + pathname);
  } catch {
    return false;
  }
  return hash === '' && !pathname.includes('@');
}

function IsDatabaseUrl(): PropertyDecorator {
  return ValidateBy(
    { name: 'isDatabaseUrl', validator: { validate: isDatabaseUrl } },
    {
      message:
        'DATABASE_URL must be a URL such as postgres://user:password@host:5432/name, with a comma between several hosts, and with everything but letters, digits and -._~ in the user and the password percent-encoded: # as %23, / as %2F, @ as %40, % as %25',
    },
  );
}

const HOST_AND_PORT = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i;

/** The parts of a host and a port: `127.0.0.1:9464`, `[::1]:9464`. */
function hostAndPort(text: string): { host: string; port: number } | null {
  const [, address, name, port] = HOST_AND_PORT.exec(text) ?? [];
  return port !== undefined && Number(port) <= 65535 ? { host: address ?? name!, port: Number(port) } : null;
}

function IsMetricsAddress(): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isMetricsAddress',
      validator: {
        validate: (value, parameters) => {
          const own = typeof value === 'string' ? hostAndPort(value) : null;
          return own !== null && (own.port === 0 || own.port !== (parameters!.object as Settings).PORT);
        },
      },
    },
    { message: 'METRICS_ADDRESS must be a host and a port other than PORT, such as 127.0.0.1:9464' },
  );
}

function IsNetworkList(options: ValidationOptions): PropertyDecorator {
  return ValidateBy({ name: 'isNetworkList', validator: { validate: isNetworkList } }, options);
}

const COLOR_RULE = 'must be a colour written as #rrggbb, with a contrast of at least 4.5 to';
const HELP = /^(?:[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https:\/\/[\x21-\x5b\x5d-\x7e]+)$/;

function IsReadable(scheme: keyof BrandColors, options: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isReadable',
      validator: {
        validate: (value) => typeof value === 'string' && /^#[\da-f]{6}$/i.test(value) && isReadable(value, scheme),
      },
    },
    options,
  );
}

/** The longest lifetime of a session under any setting. */
export const LONGEST_SESSION_SECONDS = 2_592_000;
/** The longest time for which a login token can be valid. */
export const LONGEST_LOGIN_TOKEN_SECONDS = 3600;

/** Lower-case host names and IP addresses, separated by commas. */
const LOOPBACK_NETWORKS = '127.0.0.0/8 ::1';
const HOST_LIST = /^[a-z\d](?:[a-z\d.-]*[a-z\d])?(?:\s*,\s*[a-z\d](?:[a-z\d.-]*[a-z\d])?)*$/;

/** A path on this site, or a complete http(s) URL, as it is sent in a Location header. */
const LANDING_URL = /^(\/(?![/\\])|https?:\/\/)[\x21-\x5b\x5d-\x7e]*$/;
const WHOLE_URL = /^https?:\/\/[\x21-\x5b\x5d-\x7e]+$/;

/**
 * The environment, read and checked once at the start. Every variable has a row in the README's table; a test compares
 * the two.
 */
export class Settings {
  /** `production` creates no demo, and requires a secret and an https public URL. */
  @IsIn(['development', 'production', 'test'], { message: 'NODE_ENV must be development, production or test' })
  NODE_ENV: 'development' | 'production' | 'test' = 'development';

  /** The TCP port to listen on. 0 picks a free one. */
  @Transform(toInteger)
  @IsInt({ message: 'PORT must be a number' })
  @Min(0, { message: 'PORT must be 0 to 65535' })
  @Max(65535, { message: 'PORT must be 0 to 65535' })
  PORT: number = 3000;

  /** The address to listen on; `0.0.0.0` for every interface. */
  @Matches(/^[\w.:-]+$/, { message: 'HOST must be a host name or an IP address' })
  HOST: string = 'localhost';

  /** Where Prometheus reads metrics: a host and a port of their own, such as `127.0.0.1:9464`. Without it, nowhere. */
  @IsOptional()
  @IsMetricsAddress()
  METRICS_ADDRESS?: string;

  /** The origin under which browsers and callers reach the service. Every URL that the service makes starts with it. */
  @IsOrigin({
    message: 'PUBLIC_URL must be an origin such as https://login.example.com, without path or trailing slash',
  })
  PUBLIC_URL: string;

  /** The target of a login without `returnTo`: a path on the public site, or a URL. */
  @Matches(LANDING_URL, { message: 'LANDING_URL must be a path that starts with / or an http(s) URL' })
  LANDING_URL: string = '/';

  /** Where a protected site's visitor without a session is sent to sign in: a URL. */
  @IsOptional()
  @Matches(WHOLE_URL, { message: 'SIGN_IN_URL must be an http(s) URL' })
  SIGN_IN_URL?: string;

  /**
   * Hosts in an intranet without https, such as `moodle.intranet, 10.0.0.7`. Codes for clients with `compatibility:
   * drillster` may be sent there over plain http.
   */
  @IsOptional()
  @Matches(HOST_LIST, {
    message: 'HTTP_REDIRECT_HOSTS must be host names and IP addresses such as moodle.intranet, 10.0.0.7',
  })
  HTTP_REDIRECT_HOSTS?: string;

  /** The proxies in front, whose forwarding headers are trusted: IP addresses and networks (CIDR). */
  @IsOptional()
  @IsNetworkList({
    message:
      'TRUSTED_PROXIES must be IP addresses and networks such as 127.0.0.1, 10.0.0.0/8; but not /0, which is every address',
  })
  TRUSTED_PROXIES?: string;

  /** Origins of protected sites whose applications answer preflights (`OPTIONS`) of browsers without a session. */
  @IsOptional()
  @IsOriginList({
    message: 'PREFLIGHT_SITES must be origins such as https://a.example.com, https://b.example.com, without path',
  })
  PREFLIGHT_SITES?: string;

  /**
   * Private networks with sites that may prove that they belong to an organization, and with applications that may be
   * told of a logout: IP addresses and networks (CIDR).
   */
  @IsOptional()
  @IsNetworkList({
    message:
      'ORIGIN_PROOF_NETWORKS must be IP addresses and networks such as 10.0.0.0/8; but not /0, which is every address',
  })
  ORIGIN_PROOF_NETWORKS?: string;

  /** The SQLite file. Its directory is created if it does not exist. Not used with DATABASE_URL. */
  @Matches(/./, { message: 'DATABASE_PATH must not be empty' })
  DATABASE_PATH: string = 'data/latchkey.db';

  /**
   * `postgres://user:password@host:5432/name` puts the data in PostgreSQL instead of SQLite. Of several hosts, the first
   * counts that accepts writes.
   */
  @IsOptional()
  @IsDatabaseUrl()
  DATABASE_URL?: string;

  /** The maximum of PostgreSQL connections of an instance, 2 to 1000. Migrating takes two. */
  @Transform(toInteger)
  @IsInt({ message: 'DATABASE_POOL_SIZE must be a number' })
  @Min(2, { message: 'DATABASE_POOL_SIZE must be 2 to 1000' })
  @Max(1000, { message: 'DATABASE_POOL_SIZE must be 2 to 1000' })
  DATABASE_POOL_SIZE: number = 10;

  /**
   * What becomes of sessions and tokens when PostgreSQL goes on from an earlier state, as after a failover: they are void
   * (`revoke`), or stay (`trust`), because no commit gets lost.
   */
  @IsIn(['revoke', 'trust'], { message: 'FAILOVER must be revoke or trust' })
  FAILOVER: 'revoke' | 'trust' = 'revoke';

  /** Encrypts the signing keys in the database. All instances must have the same. */
  @IsSecretKey()
  SECRET_KEY: string;

  /** Seconds for which a login token can be redeemed, 5 to 3600. */
  @Transform(toInteger)
  @IsInt({ message: 'LOGIN_TOKEN_TTL must be a number of seconds' })
  @Min(5, { message: 'LOGIN_TOKEN_TTL must be 5 to 3600 seconds' })
  @Max(LONGEST_LOGIN_TOKEN_SECONDS, { message: 'LOGIN_TOKEN_TTL must be 5 to 3600 seconds' })
  LOGIN_TOKEN_TTL: number = 120;

  /** Seconds after which an unused session ends, 60 to 86400. */
  @Transform(toInteger)
  @IsInt({ message: 'SESSION_IDLE_TIMEOUT must be a number of seconds' })
  @Min(60, { message: 'SESSION_IDLE_TIMEOUT must be 60 to 86400 seconds' })
  @Max(86400, { message: 'SESSION_IDLE_TIMEOUT must be 60 to 86400 seconds' })
  SESSION_IDLE_TIMEOUT: number = 1800;

  /** Seconds after which a session ends even if it is used, 60 to 2592000. */
  @Transform(toInteger)
  @IsInt({ message: 'SESSION_LIFETIME must be a number of seconds' })
  @Min(60, { message: 'SESSION_LIFETIME must be 60 to 2592000 seconds' })
  @Max(LONGEST_SESSION_SECONDS, { message: 'SESSION_LIFETIME must be 60 to 2592000 seconds' })
  SESSION_LIFETIME: number = 43200;

  /** Days for which the audit log and the records of ended sessions and their login tokens are kept, 1 to 3650. */
  @Transform(toInteger)
  @IsInt({ message: 'RETENTION_DAYS must be a number of days' })
  @Min(1, { message: 'RETENTION_DAYS must be 1 to 3650 days' })
  @Max(3650, { message: 'RETENTION_DAYS must be 1 to 3650 days' })
  RETENTION_DAYS: number = 400;

  /** Days after which a signing key is replaced, 1 to 3650. With 0, the operator replaces the keys. */
  @Transform(toInteger)
  @IsInt({ message: 'KEY_ROTATION_DAYS must be a number of days' })
  @Min(0, { message: 'KEY_ROTATION_DAYS must be 0 to 3650 days' })
  @Max(3650, { message: 'KEY_ROTATION_DAYS must be 0 to 3650 days' })
  KEY_ROTATION_DAYS: number = 90;

  /** Other authorization servers whose access tokens are accepted, as a JSON array. */
  OAUTH_ISSUERS: readonly TrustedIssuer[];

  /** Seconds in which an instance that is told to stop answers its remaining requests, 1 to 300. */
  @Transform(toInteger)
  @IsInt({ message: 'SHUTDOWN_GRACE must be a number of seconds' })
  @Min(1, { message: 'SHUTDOWN_GRACE must be 1 to 300 seconds' })
  @Max(300, { message: 'SHUTDOWN_GRACE must be 1 to 300 seconds' })
  SHUTDOWN_GRACE: number = 10;

  /** The name of the service on pages for users. Without it, pages have no header. */
  @IsOptional()
  @Matches(/^\S(.{0,58}\S)?$/u, { message: 'BRAND_NAME must be one line of at most 60 characters' })
  BRAND_NAME?: string;

  /** A file with a logo for these pages: SVG, PNG, JPEG or WebP, at most 32 KiB. */
  BRAND_LOGO?: string;

  /** The colour of buttons and links on a light ground, as `#rrggbb`. */
  @IsOptional()
  @IsReadable('light', { message: `BRAND_COLOR ${COLOR_RULE} the white of pages; #1a56b0, for example` })
  BRAND_COLOR?: string;

  /** The same on a dark ground, for users whose device is set to dark. */
  @IsOptional()
  @IsReadable('dark', { message: `BRAND_COLOR_DARK ${COLOR_RULE} the dark grey of pages; #8ab6ff, for example` })
  BRAND_COLOR_DARK?: string;

  /** Where users get help: an e-mail address, or an https URL. */
  @IsOptional()
  @Matches(HELP, { message: 'BRAND_HELP must be an e-mail address or an https URL' })
  BRAND_HELP?: string;

  /** The logo as a `data:` URL. */
  logo?: string;

  /** The lowest level of log lines that are written. */
  @IsIn(['error', 'warn', 'info', 'debug'], { message: 'LOG_LEVEL must be error, warn, info or debug' })
  LOG_LEVEL: 'error' | 'warn' | 'info' | 'debug' = 'info';

  get brandColors(): BrandColors {
    return { light: this.BRAND_COLOR ?? DEFAULT_COLORS.light, dark: this.BRAND_COLOR_DARK ?? DEFAULT_COLORS.dark };
  }

  get isProduction(): boolean {
    return this.NODE_ENV === 'production';
  }

  get isDevelopment(): boolean {
    return this.NODE_ENV === 'development';
  }

  /** The hosts, beside loopback, to which codes for a client may be sent over plain http. */
  httpRedirectHostsOf(compatibility: string | null): string[] {
    return compatibility === 'drillster' ? (this.HTTP_REDIRECT_HOSTS?.split(/\s*,\s*/) ?? []) : [];
  }

  /**
   * The networks, beside public ones, whose servers the service may ask when an organization has given their address.
   * Outside production, loopback is one of them.
   */
  get allowedNetworks(): string {
    return `${this.isProduction ? '' : LOOPBACK_NETWORKS} ${this.ORIGIN_PROOF_NETWORKS ?? ''}`;
  }

  get metricsAddress(): { host: string; port: number } | null {
    return this.METRICS_ADDRESS === undefined ? null : hostAndPort(this.METRICS_ADDRESS);
  }

  get preflightSites(): string[] {
    return this.PREFLIGHT_SITES?.split(/\s*,\s*/) ?? [];
  }

  /** A session that was last used at or before this instant has ended by `now`. */
  idleSince(now: Date): Date {
    return addSeconds(now, -this.SESSION_IDLE_TIMEOUT);
  }

  /** Until when a session lives that is used at this instant and never again. */
  idleAfter(used: Date): Date {
    return addSeconds(used, this.SESSION_IDLE_TIMEOUT);
  }

  /** What people know the service by. */
  get serviceName(): string {
    return this.BRAND_NAME ?? 'Latchkey';
  }

  /** Whether browsers use https, so that every cookie can be `Secure`. */
  get isHttps(): boolean {
    return this.PUBLIC_URL.startsWith('https:');
  }

  /**
   * Whether browsers accept `Secure` cookies from the public URL: with https, and on localhost, which never leaves the
   * machine.
   */
  get allowsSecureCookies(): boolean {
    return this.isHttps || new URL(this.PUBLIC_URL).hostname === 'localhost';
  }

  /** Whether browsers can make passkeys for the public URL: they are for a domain, not for an IP address. */
  get allowsPasskeys(): boolean {
    return this.allowsSecureCookies && isIP(new URL(this.PUBLIC_URL).hostname.replace(/^\[|\]$/g, '')) === 0;
  }
}

/** The error for a start with a faulty environment. It lists every fault. */
export class SettingsError extends StartError {
  constructor(readonly faults: string[]) {
    super(`The environment is not right:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

const WITHOUT_DEFAULT = [
  'METRICS_ADDRESS',
  'PUBLIC_URL',
  'DATABASE_URL',
  'SECRET_KEY',
  'OAUTH_ISSUERS',
  'SIGN_IN_URL',
  'HTTP_REDIRECT_HOSTS',
  'TRUSTED_PROXIES',
  'ORIGIN_PROOF_NETWORKS',
  'PREFLIGHT_SITES',
  'BRAND_NAME',
  'BRAND_LOGO',
  'BRAND_COLOR',
  'BRAND_COLOR_DARK',
  'BRAND_HELP',
];
const VARIABLES = [...Object.keys(new Settings()), ...WITHOUT_DEFAULT];

/**
 * Reads the settings. In development it creates the missing secret. An empty variable counts as not set.
 *
 * @throws SettingsError with all faults
 */
export function loadSettings(env: NodeJS.ProcessEnv): Settings {
  const settings = readSettings(env);
  if (!env.SECRET_KEY)
    settings.SECRET_KEY = developmentSecret(join(dirname(settings.DATABASE_PATH), 'development-secret'));
  return settings;
}

/**
 * Reads the settings and writes nothing: a missing secret is replaced by a random one.
 *
 * @throws SettingsError with all faults
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(VARIABLES.map((name) => [name, env[name]]).filter(([, value]) => value));
  const settings = plainToInstance(Settings, given);
  const faults: string[] = [];
  if (settings.isProduction) {
    if (!settings.PUBLIC_URL) faults.push('PUBLIC_URL must be set in production: the https origin that browsers use');
    else if (!settings.isHttps) faults.push('PUBLIC_URL must start with https:// in production');
    if (!settings.SECRET_KEY)
      faults.push('SECRET_KEY must be set in production; make one with: openssl rand -base64 48');
  }
  settings.OAUTH_ISSUERS = readTrustedIssuers(given.OAUTH_ISSUERS ?? '[]', settings.isProduction, faults);
  // In development the public URL follows the port. A malformed port is reported separately.
  const developmentUrl = `http://localhost:${settings.PORT}`;
  settings.PUBLIC_URL ??= isOrigin(developmentUrl) ? developmentUrl : 'http://localhost';
  if (settings.OAUTH_ISSUERS.some(({ issuer }) => issuer === settings.PUBLIC_URL))
    faults.push('OAUTH_ISSUERS must not name this service itself');
  settings.SECRET_KEY ??= randomBytes(48).toString('base64');
  readBrandLogo(settings, faults);
  for (const error of validateSync(settings)) faults.push(...Object.values(error.constraints ?? {}).slice(0, 1));
  if (faults.length > 0) throw new SettingsError(faults);
  return settings;
}

function readBrandLogo(settings: Settings, faults: string[]): void {
  const { BRAND_LOGO, BRAND_NAME } = settings;
  if (BRAND_LOGO === undefined) return;
  if (BRAND_NAME === undefined) faults.push('BRAND_LOGO needs BRAND_NAME, which is read out in place of the logo');
  try {
    settings.logo = readLogo(BRAND_LOGO);
  } catch (error) {
    faults.push(`BRAND_LOGO ${BRAND_LOGO} cannot be used: ${(error as Error).message}`);
  }
}

/**
 * The secret of this machine, created at the first start, so that development needs no set-up and sessions survive a
 * restart.
 */
function developmentSecret(path: string): string {
  try {
    if (!existsSync(path)) makeSecret(path);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(
      `SECRET_KEY is not set, and a new one cannot be stored in ${path}: ${(error as Error).message}. Set SECRET_KEY, or let the user that runs Latchkey write to that directory.`,
    );
  }
}

/**
 * The file gets its final name once it is complete, because another process that starts at the same time reads it
 * there.
 */
function makeSecret(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, randomBytes(48).toString('base64'), { mode: 0o600 });
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished);
  }
}
