import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadSettings, Settings, SettingsError } from './settings.js';

const SECRET_KEY = 'k7Qm2vXz9RtLw4NsYb8HcJ3fDg6PaE1u';
const PRODUCTION = { NODE_ENV: 'production', PUBLIC_URL: 'https://login.school.nl', SECRET_KEY };

function faultsOf(env: NodeJS.ProcessEnv): string[] {
  try {
    loadSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('loadSettings', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-settings-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('takes every default in development, with a secret that it makes once and keeps to itself', () => {
    const env = { DATABASE_PATH: join(directory, 'data', 'latchkey.db') };
    const [first, second] = [loadSettings(env), loadSettings(env)];
    expect(first).toMatchObject({
      NODE_ENV: 'development',
      PORT: 3000,
      PUBLIC_URL: 'http://localhost:3000',
      LOGIN_TOKEN_TTL: 120,
    });
    expect(second.SECRET_KEY).toBe(first.SECRET_KEY);
    const path = join(directory, 'data', 'development-secret');
    expect(readFileSync(path, 'utf8')).toBe(first.SECRET_KEY);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it('follows PORT in the public URL of development', () => {
    expect(loadSettings({ PORT: '4321', SECRET_KEY }).PUBLIC_URL).toBe('http://localhost:4321');
  });

  it('accepts a complete production environment', () => {
    expect(loadSettings(PRODUCTION)).toMatchObject({
      isProduction: true,
      isHttps: true,
      PUBLIC_URL: 'https://login.school.nl',
    });
  });

  it('names everything that production lacks, at once, and writes nothing', () => {
    const faults = faultsOf({
      NODE_ENV: 'production',
      PORT: 'x',
      LOGIN_TOKEN_TTL: '4',
      DATABASE_PATH: join(directory, 'data', 'latchkey.db'),
    });
    expect(faults).toEqual([
      expect.stringContaining('PUBLIC_URL must be set'),
      expect.stringContaining('SECRET_KEY must be set'),
      expect.stringContaining('PORT must be'),
      expect.stringContaining('LOGIN_TOKEN_TTL must be 5 to 3600'),
    ]);
    expect(() => statSync(join(directory, 'data'))).toThrow('ENOENT');
  });

  it('wants https in production', () => {
    expect(faultsOf({ ...PRODUCTION, PUBLIC_URL: 'http://login.school.nl' })).toEqual([
      expect.stringContaining('https://'),
    ]);
  });

  it.each([
    'short',
    'changeme-changeme-changeme-changeme-1',
    'a'.repeat(40),
    'my-secret-my-secret-my-secret-my-secret',
    'example-key-example-key-example-key-9',
  ])('refuses the placeholder secret %s', (placeholder) => {
    expect(faultsOf({ ...PRODUCTION, SECRET_KEY: placeholder })).toEqual([
      expect.stringContaining('SECRET_KEY must be'),
    ]);
  });

  it.each([
    { name: 'PORT', bad: ['-1', '65536', '80a', '1.5'] },
    {
      name: 'PUBLIC_URL',
      bad: [
        'login.school.nl',
        'https://login.school.nl/',
        'https://login.school.nl/path',
        'https://user@login.school.nl',
        'ftp://x',
        'https://LOGIN.school.nl',
      ],
    },
    {
      name: 'LANDING_URL',
      bad: ['course', '//evil.example', '/\\evil.example', 'javascript:alert(1)', 'https://x.example/a b'],
    },
    {
      name: 'HTTP_REDIRECT_HOSTS',
      bad: ['http://moodle.intranet', 'Moodle.intranet', '*', '*.intranet', 'a,,b', 'a b', 'a:80'],
    },
    {
      name: 'PREFLIGHT_SITES',
      bad: ['learn.example.com', 'https://learn.example.com/', 'https://a.example https://b.example', '*', ','],
    },
    { name: 'SIGN_IN_URL', bad: ['/sign-in', '//evil.example', 'javascript:alert(1)', 'https://x.example/a b'] },
    { name: 'METRICS_ADDRESS', bad: ['9464', ':9464', '127.0.0.1', '::1:9464', '127.0.0.1:3000', '127.0.0.1:65536'] },
    { name: 'TRUSTED_PROXIES', bad: ['nginx', '0.0.0.0/0', '10.0.0.0/40', '127.0.0.1;10.0.0.1'] },
    {
      name: 'DATABASE_URL',
      bad: [
        'mysql://x',
        'postgres://',
        ...['a#b', 'a/b', 'a?b', '12#4', '1/2@3', 'a%b'].map(
          (password) => `postgres://user:${password}@db.example/name`,
        ),
      ],
    },
    { name: 'FAILOVER', bad: ['yes', 'REVOKE', 'ignore'] },
    { name: 'DATABASE_POOL_SIZE', bad: ['0', '1', '1001'] },
    { name: 'LOGIN_TOKEN_TTL', bad: ['4', '3601', 'two minutes'] },
    { name: 'SESSION_IDLE_TIMEOUT', bad: ['59', '86401'] },
    { name: 'SESSION_LIFETIME', bad: ['59', '2592001'] },
    { name: 'RETENTION_DAYS', bad: ['0', '3651'] },
    { name: 'KEY_ROTATION_DAYS', bad: ['-1', '3651', '1.5'] },
    { name: 'NODE_ENV', bad: ['prod'] },
    { name: 'LOG_LEVEL', bad: ['verbose'] },
    { name: 'HOST', bad: ['a b'] },
  ])('names $name when its value is not legal', ({ name, bad }) => {
    for (const value of bad)
      expect({ value, faults: faultsOf({ SECRET_KEY, [name]: value }) }).toEqual({
        value,
        faults: [expect.stringContaining(name)],
      });
  });

  const ISSUER = {
    issuer: 'https://login.customer.example/realms/one',
    audience: 'https://login.school.nl/api',
    clientId: '3f0c6d1e9b7a4c2d8e5f60718293a4b5',
    account: 'id',
  };

  it('reads other issuers, and the claim that is usual for what names an account', () => {
    const issuers = [
      ISSUER,
      { ...ISSUER, issuer: 'https://two.example', account: 'emailAddress', scope: 'latchkey' },
      { ...ISSUER, issuer: 'https://three.example', account: 'thirdPartyId', thirdParty: 'LMS', claim: 'student' },
    ];
    expect(loadSettings({ ...PRODUCTION, OAUTH_ISSUERS: JSON.stringify(issuers) }).OAUTH_ISSUERS).toEqual([
      { ...issuers[0], claim: 'sub', scope: 'ROLE_USER' },
      { ...issuers[1], claim: 'email' },
      { ...issuers[2], scope: 'ROLE_USER' },
    ]);
  });

  it('takes an issuer over http on the same machine, in development only', () => {
    const env = { SECRET_KEY, OAUTH_ISSUERS: JSON.stringify([{ ...ISSUER, issuer: 'http://127.0.0.1:4000' }]) };
    expect(faultsOf(env)).toEqual([]);
    expect(faultsOf({ ...PRODUCTION, ...env })).toEqual([expect.stringContaining('issuer must be an https URL')]);
  });

  it.each([
    ['no JSON', '{', 'must be a JSON array'],
    ['no array', '{}', 'must be a JSON array'],
    ['an array of texts', '["https://x.example"]', 'must be a JSON array'],
    ['more than a hundred', JSON.stringify(Array.from({ length: 101 }, () => ISSUER)), 'at most 100'],
    ['the same twice', JSON.stringify([ISSUER, ISSUER]), 'twice'],
    ['this service', JSON.stringify([{ ...ISSUER, issuer: PRODUCTION.PUBLIC_URL }]), 'this service itself'],
    ...(
      [
        ['no issuer', { issuer: undefined }, 'issuer must be'],
        ['an issuer over http', { issuer: 'http://login.customer.example' }, 'issuer must be'],
        ['an issuer with a query', { issuer: 'https://login.customer.example?x=1' }, 'issuer must be'],
        ['an issuer with a fragment', { issuer: 'https://login.customer.example#x' }, 'issuer must be'],
        ['an issuer with a password', { issuer: 'https://a:b@login.customer.example' }, 'issuer must be'],
        ['no audience', { audience: undefined }, 'audience must be'],
        ['an empty audience', { audience: '' }, 'audience must be'],
        ['an audience that is a list', { audience: ['x'] }, 'audience must be'],
        ['no client', { clientId: undefined }, 'clientId must be'],
        ['a client that is none', { clientId: 'portal' }, 'clientId must be'],
        ['no account', { account: undefined }, 'account must be'],
        ['an unknown account', { account: 'name' }, 'account must be'],
        ['a third-party ID without a code', { account: 'thirdPartyId' }, 'thirdParty must be given'],
        ['a code without a third-party ID', { thirdParty: 'LMS' }, 'thirdParty must be given'],
        ['a code that is none', { account: 'thirdPartyId', thirdParty: 'L$S' }, 'thirdParty must be'],
        ['an empty claim', { claim: '' }, 'claim must be'],
        ['two scopes', { scope: 'a b' }, 'scope must be'],
        ['a member that there is not', { subject: 'sub' }, '"subject" is not a member of it'],
      ] as const
    ).map(([what, more, says]) => [what, JSON.stringify([{ ...ISSUER, ...more }]), says] as const),
  ])('refuses OAUTH_ISSUERS with %s', (_what, OAUTH_ISSUERS, says) => {
    expect(faultsOf({ ...PRODUCTION, OAUTH_ISSUERS })).toEqual([expect.stringContaining(says)]);
  });

  it('takes an empty variable as one that is not set', () => {
    const { PORT, DATABASE_URL } = loadSettings({ SECRET_KEY, PORT: '', DATABASE_URL: '' });
    expect({ PORT, DATABASE_URL }).toEqual({ PORT: 3000, DATABASE_URL: undefined });
  });

  it('is described in the README, every variable with its default', () => {
    const rows = [...readFileSync('README.md', 'utf8').matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)?/gm)].map(
      ([, name, value]) => [name, value],
    );
    const defaults = Object.entries(new Settings()).map(([name, value]) => [name, String(value)]);
    const documented = new Map(rows as [string, string][]);
    expect([...documented.keys()].toSorted()).toEqual(
      [
        ...defaults.map(([name]) => name),
        'BRAND_NAME',
        'BRAND_LOGO',
        'BRAND_COLOR',
        'BRAND_COLOR_DARK',
        'BRAND_HELP',
        'METRICS_ADDRESS',
        'PUBLIC_URL',
        'DATABASE_URL',
        'SECRET_KEY',
        'OAUTH_ISSUERS',
        'SIGN_IN_URL',
        'HTTP_REDIRECT_HOSTS',
        'ORIGIN_PROOF_NETWORKS',
        'PREFLIGHT_SITES',
        'TRUSTED_PROXIES',
      ].toSorted(),
    );
    for (const [name, value] of defaults) expect([name, documented.get(name!)]).toEqual([name, value]);
  });

  it.each([
    [{ BRAND_COLOR: 'red' }, 'BRAND_COLOR must be a colour written as #rrggbb, with a contrast of at least 4.5'],
    [{ BRAND_COLOR: '#8ab6ff' }, 'BRAND_COLOR must be a colour'],
    [{ BRAND_COLOR_DARK: '#1a56b0' }, 'BRAND_COLOR_DARK must be a colour'],
    [{ BRAND_NAME: 'Learn\nHere' }, 'BRAND_NAME must be one line'],
    [{ BRAND_NAME: 'x'.repeat(61) }, 'BRAND_NAME must be one line'],
    [{ BRAND_HELP: 'javascript:alert(1)' }, 'BRAND_HELP must be an e-mail address or an https URL'],
    [{ BRAND_NAME: 'Learn', BRAND_LOGO: '/no/such/file' }, 'BRAND_LOGO /no/such/file cannot be used: ENOENT'],
    [{ BRAND_NAME: 'Learn', BRAND_LOGO: 'README.md' }, 'BRAND_LOGO README.md cannot be used: it is neither an SVG'],
    [{ BRAND_NAME: 'Learn', BRAND_LOGO: 'package-lock.json' }, 'but at most 32768 are allowed'],
    [{ BRAND_LOGO: 'README.md' }, 'BRAND_LOGO needs BRAND_NAME'],
  ])('refuses %p', (brand, fault) => {
    expect(faultsOf({ SECRET_KEY, ...brand }).join()).toContain(fault);
  });

  it('accepts colours in which text can be read, and reads the logo', () => {
    const logo = join(directory, 'logo.svg');
    writeFileSync(logo, '<?xml version="1.0"?>\n<!-- Learn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>');
    const brand = {
      BRAND_NAME: 'Learn',
      BRAND_LOGO: logo,
      BRAND_COLOR: '#7a0030',
      BRAND_HELP: 'https://learn.example/help',
    };
    expect(loadSettings({ SECRET_KEY, ...brand })).toMatchObject({
      brandColors: { light: '#7a0030', dark: '#8ab6ff' },
      logo: expect.stringMatching(/^data:image\/svg\+xml;base64,/),
    });
  });
});
