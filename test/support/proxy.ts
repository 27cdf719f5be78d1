import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const START_TIMEOUT_MS = 10_000;
const PAUSE_MS = 50;

/** A real proxy in the foreground, with its own configuration and directory. */
export class Proxy {
  private constructor(
    private readonly process: ChildProcess,
    private readonly directory: string,
    private readonly written: string[],
  ) {}

  /** Its standard error so far. */
  get output(): string {
    return this.written.join('');
  }

  /** The certificate of Caddy's own authority, which signs those for local names. */
  get authority(): string {
    return join(this.directory, 'caddy/pki/authorities/local/root.crt');
  }

  /**
   * Starts nginx with `http` inside its `http` block, and `files` beside its configuration. It is ready once `url`
   * gives any answer.
   */
  static nginx(http: string, url: string, files: Record<string, string> = {}): Promise<Proxy> {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-nginx-'));
    // If root starts nginx, its workers run as another user, who stores large bodies in this directory.
    chmodSync(directory, 0o711);
    const configuration = join(directory, 'nginx.conf');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${directory}/${kind};`,
    );
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    writeFileSync(
      configuration,
      `daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  ${temporary.join('\n  ')}
${http}
}
`,
    );
    return Proxy.start(directory, url, 'nginx', ['-p', directory, '-c', configuration, '-e', 'stderr']);
  }

  /** Starts HAProxy with a complete configuration, and `files` beside it, where HAProxy looks for them. */
  static haproxy(configuration: string, url: string, files: Record<string, string> = {}): Promise<Proxy> {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-haproxy-'));
    for (const [name, text] of Object.entries({ ...files, 'haproxy.cfg': configuration }))
      writeFileSync(join(directory, name), text);
    return Proxy.start(directory, url, 'haproxy', ['-db', '-f', 'haproxy.cfg']);
  }

  /** Starts Apache with `modules` of Debian, and `files` beside its configuration, which may be executable. */
  static apache(
    modules: string[],
    configuration: string,
    url: string,
    files: Record<string, string> = {},
  ): Promise<Proxy> {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-apache-'));
    // If root starts Apache, it runs as another user.
    chmodSync(directory, 0o711);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o755 });
    const path = join(directory, 'apache.conf');
    const common = [
      `ServerRoot ${directory}`,
      `DefaultRuntimeDir ${directory}`,
      'ServerName localhost',
      'PidFile apache.pid',
      'ErrorLog error.log',
      ...(process.getuid!() === 0 ? ['User nobody', 'Group nogroup'] : []),
      ...['mpm_event', 'authz_core', ...modules].map(
        (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
      ),
    ];
    writeFileSync(path, `${common.join('\n')}\n${configuration}`);
    return Proxy.start(directory, url, 'apache2', ['-D', 'FOREGROUND', '-f', path]);
  }

  /** Starts Caddy with a complete Caddyfile. */
  static caddy(caddyfile: string, url: string): Promise<Proxy> {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-caddy-'));
    writeFileSync(join(directory, 'Caddyfile'), caddyfile);
    return Proxy.start(directory, url, 'caddy', ['run', '--adapter', 'caddyfile', '--config', 'Caddyfile']);
  }

  async stop(): Promise<void> {
    if (this.process.pid !== undefined && this.process.exitCode === null && this.process.signalCode === null) {
      await new Promise((resolve) => {
        this.process.once('exit', resolve);
        this.process.kill('SIGTERM');
      });
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  private static async start(directory: string, url: string, command: string, options: string[]): Promise<Proxy> {
    const child = spawn(command, options, {
      cwd: directory,
      env: { PATH: `${process.env.PATH}:/usr/sbin`, HOME: directory, XDG_DATA_HOME: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const output: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    child.once('error', (error) => output.push(error.message));
    const proxy = new Proxy(child, directory, output);
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    while (child.pid !== undefined && child.exitCode === null && Date.now() < giveUpAt) {
      if (await answers(url)) return proxy;
      await setTimeout(PAUSE_MS);
    }
    await proxy.stop();
    throw new Error(`${command} did not start: ${proxy.output}`);
  }
}

/** Whether the proxy answers. An untrusted certificate is an answer too. */
function answers(url: string): Promise<boolean> {
  return fetch(url, { redirect: 'manual' }).then(
    () => true,
    ({ cause }: { cause?: { code?: string } }) => /CERT|SIGNATURE/.test(cause?.code ?? ''),
  );
}
