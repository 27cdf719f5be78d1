import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { Provider } from 'oidc-provider';
import type { JWK } from 'oidc-provider';
import { freePort } from './free-port.js';

const SECRET = 'the secret of every client';

/** A private JWK for an issuer. */
export function newIssuerKey(kid: string): JWK {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' } as JWK;
}

/**
 * Another authorization server: a real one, on a port of its own. A client's ID becomes the `sub` of its tokens, which
 * also contain everything in `claims`.
 */
export class TestIssuer {
  claims: Record<string, unknown> = {};
  /** The paths that were requested from it. */
  requests: string[] = [];
  private server: Server | undefined;

  private constructor(private readonly port: number) {}

  static async start(keys: JWK[]): Promise<TestIssuer> {
    const issuer = new TestIssuer(await freePort());
    await issuer.up(keys);
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the server, or restarts it with other keys. The first key signs. */
  async up(keys: JWK[], answer?: (path: string) => object | null | undefined): Promise<void> {
    await this.down();
    const callback = this.provider(keys).callback();
    this.server = createServer((request, response) => {
      this.requests.push(request.url!);
      const other = answer?.(request.url!);
      if (other === null) response.writeHead(404).end();
      else if (other) response.setHeader('content-type', 'application/json').end(JSON.stringify(other));
      else void callback(request, response);
    });
    await new Promise<void>((resolve) => {
      this.server!.listen(this.port, '127.0.0.1', resolve);
    });
  }

  async down(): Promise<void> {
    const { server } = this;
    if (!server?.listening) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  /** Obtains an access token by the client credentials grant. */
  async token(sub: string, { resource, scope = 'ROLE_USER' }: { resource: string; scope?: string }): Promise<string> {
    const response = await fetch(`${this.url}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${encodeURIComponent(sub)}:${encodeURIComponent(SECRET)}`).toString('base64')}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
    });
    const body = (await response.json()) as { access_token?: string };
    if (!body.access_token) throw new Error(JSON.stringify(body));
    return body.access_token;
  }

  private provider(keys: JWK[]): Provider {
    return new Provider(this.url, {
      jwks: { keys },
      scopes: ['ROLE_USER', 'latchkey'],
      adapter: () => adapter as never,
      cookies: { keys: [SECRET] },
      ttl: { ClientCredentials: 600 },
      clientDefaults: { id_token_signed_response_alg: 'RS256' },
      extraTokenClaims: () => this.claims,
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_ctx, audience) => ({
            scope: 'ROLE_USER latchkey',
            audience,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    });
  }
}

/** Accepts every client. Nothing is stored, because tokens are JWTs. */
const adapter = {
  find: (id: string) =>
    Promise.resolve({
      client_id: id,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: 'ROLE_USER latchkey',
    }),
  upsert: () => Promise.resolve(),
};
