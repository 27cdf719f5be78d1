import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { freePort } from '../../test/support/free-port.js';

const ROOT = new URL('../../', import.meta.url);

/** The built service in a process of its own, on a database of its own with the demo organization, as `npm start` makes it. */
export class Latchkey {
  #process;
  #drop;

  /** Its public URL. */
  url;
  /** The access token of the demo's administrator, which the start prints. */
  #token;
  /** The client of that token. */
  get clientId() {
    return JSON.parse(Buffer.from(this.#token.split('.')[1], 'base64url')).client_id;
  }

  /** With what the demo's administrator signs in. */
  credentials;

  /** @param {'SQLite' | 'PostgreSQL'} engine the latter on the server of TEST_DATABASE_URL */
  static async start(engine) {
    const latchkey = new Latchkey();
    const { env, drop } = engine === 'SQLite' ? newFile() : await newDatabase();
    latchkey.#drop = drop;
    const port = await freePort();
    latchkey.url = `http://localhost:${port}`;
    const welcome = await latchkey.#spawn({ ...env, PORT: String(port) });
    latchkey.#token = /Bearer (\S+)'/.exec(welcome)[1];
    const [, email, password] = /sign in as (\S+) with the password: (.+)/.exec(welcome);
    latchkey.credentials = { email, password };
    return latchkey;
  }

  #spawn(settings) {
    const { PATH } = process.env;
    const env = { PATH, NODE_ENV: 'development', LOG_LEVEL: 'error', ...settings };
    this.#process = spawn(process.execPath, ['dist/main.cjs'], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new Promise((resolve, reject) => {
      let written = '';
      this.#process.once('exit', (code) => reject(new Error(`Latchkey ended with ${code}. Is it built?\n${written}`)));
      createInterface({ input: this.#process.stdout }).on('line', (line) => {
        written += `${line}\n`;
        if (line.startsWith('curl ')) resolve(written);
      });
    });
  }

  async stop() {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
    await this.#drop();
  }

  /** Calls the API as the administrator, with JSON. @throws Error for an answer that is no success */
  async call(method, path, fields) {
    const response = await fetch(`${this.url}/api/2.1.1/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(fields && { body: JSON.stringify(fields) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  }
}

function newFile() {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-interop-'));
  return {
    env: { DATABASE_PATH: join(directory, 'latchkey.db') },
    drop: () => rmSync(directory, { recursive: true }),
  };
}

async function newDatabase() {
  const url = new URL(process.env.TEST_DATABASE_URL);
  const name = `latchkey_interop_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE "${name}"`);
  url.pathname = `/${name}`;
  return {
    env: { DATABASE_URL: url.href, SECRET_KEY: randomBytes(32).toString('base64') },
    drop: () => onServer(`DROP DATABASE "${name}" WITH (FORCE)`),
  };
}

async function onServer(statement) {
  const client = new Client({ connectionString: process.env.TEST_DATABASE_URL });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A browser that keeps its cookies, follows redirects within the service and fills in its forms. */
export class Browser {
  #cookies = new Map();

  /** @param {string} url of the service */
  constructor(url) {
    this.url = url;
  }

  /** Opens an address; with `fields`, sends a form to it. Answers what is not a redirect within the service. */
  async open(address, { fields, headers } = {}) {
    const response = await fetch(new URL(address, this.url), {
      method: fields ? 'POST' : 'GET',
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'sec-fetch-site': 'same-origin',
        ...headers,
      },
      ...(fields && { body: new URLSearchParams(fields) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value) this.#cookies.set(name, value);
      else this.#cookies.delete(name);
    }
    const location = response.headers.get('location');
    const target = location && new URL(location, this.url);
    if (target?.origin !== this.url || target.pathname.startsWith('/course/')) return response;
    await response.body?.cancel();
    return this.open(target);
  }

  /** Signs in and agrees on the pages of an authorization request, and answers where the client gets its code. */
  async authorize(address, credentials) {
    const consent = await this.#submit(await this.open(address), credentials);
    const answer = await this.#submit(consent, { answer: 'allow' });
    return new URL(answer.headers.get('location'));
  }

  async #submit(page, fields) {
    const html = await page.text();
    const action = /action="([^"]+)"/.exec(html)?.[1];
    if (!action) throw new Error(`${page.status}: no form in ${html}`);
    return this.open(action, { fields });
  }
}
