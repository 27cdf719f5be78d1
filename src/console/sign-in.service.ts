import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { FastifyRequest } from 'fastify';
import type { Repository } from 'typeorm';
import { SCOPE } from '../auth/called-by.decorator.js';
import { AuthorizationServer } from '../authorization-server/engine/authorization-server.js';
import { CONSOLE_CLIENT, CONSOLE_REDIRECT } from '../clients/console-client.js';
import { ClientsService } from '../clients/clients.service.js';
import type { Caller } from '../common/caller.js';
import { hashSecret, newId } from '../common/id.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { User } from '../schema/entities/user.entity.js';
import { TokensService } from '../tokens/tokens.service.js';

/** Characters of the address that a sign-in leads to. */
const MAX_TARGET = 1000;

/**
 * Signs people in to the console: authorization code with PKCE at our own authorization server, from the server's side
 * (RFC 6749, section 4.1, and RFC 7636).
 *
 * The code verifier is made from the browser's secret and the state. So nothing about a sign-in under way is stored,
 * each tab has its own, and a code is of no use in another browser or for another target.
 */
@Injectable()
export class ConsoleSignInService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly server: AuthorizationServer,
    private readonly tokens: TokensService,
    private readonly clients: ClientsService,
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /** The address at which a sign-in begins that ends on the page `target` of the console. */
  begin(browser: string, target: unknown): string {
    const state = `${newId()}.${Buffer.from(this.pageOf(target)).toString('base64url')}`;
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: CONSOLE_CLIENT,
      redirect_uri: this.redirectUri,
      scope: SCOPE,
      state,
      code_challenge: hashSecret(verifierOf(browser, state)),
      code_challenge_method: 'S256',
    });
    return `/oauth/authorize?${query}`;
  }

  /** The page of the console on which a sign-in ends. */
  targetOf(state: string): string {
    return this.pageOf(Buffer.from(state.split('.')[1] ?? '', 'base64url').toString());
  }

  /**
   * Exchanges a code, and finds the caller whom the console then acts as. It is `null` if the code is not good for this
   * browser, and its `clientId` is `null` for an account of no organization. `request` is the one
   * that brought the code.
   */
  async exchange(
    browser: string,
    { code, state }: { code: string; state: string },
    request: FastifyRequest,
  ): Promise<(Omit<Caller, 'clientId'> & { clientId: string | null }) | null> {
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: CONSOLE_CLIENT,
      redirect_uri: this.redirectUri,
      code,
      code_verifier: verifierOf(browser, state),
    });
    const { access_token: token } = await this.server.requestToken(request, form);
    if (typeof token !== 'string') return null;
    // The token has said who signed in. The session takes its place.
    const { sub: userId } = await this.tokens.verify('access', token);
    const user = await this.users.findOneBy({ id: userId });
    const organizationId = user?.staffOrganizationId ?? user?.organizationId;
    if (!organizationId) return { userId, clientId: null };
    const clientId = await this.database.transaction((db) => this.clients.ensureConsole(db, organizationId));
    return { userId, clientId };
  }

  private get redirectUri(): string {
    return this.settings.PUBLIC_URL + CONSOLE_REDIRECT;
  }

  /** A page of the console. Any other address becomes the first page. */
  private pageOf(target: unknown): string {
    if (typeof target !== 'string' || target.length > MAX_TARGET) return '/console';
    const { PUBLIC_URL } = this.settings;
    const url = URL.parse(target, PUBLIC_URL);
    if (url?.origin !== new URL(PUBLIC_URL).origin || !/^\/console(\/|$)/.test(url.pathname)) return '/console';
    return url.pathname + url.search + url.hash;
  }
}

/** 43 characters of base64url. */
function verifierOf(browser: string, state: string): string {
  return createHmac('sha256', browser).update(state).digest('base64url');
}
