import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock, toNumericDate } from '../common/clock.js';
import { UsersService } from '../users/users.service.js';
import type { NamingRef } from '../common/user-ref.js';
import { ClientsService } from './clients.service.js';
import { TokensService } from '../tokens/tokens.service.js';

/** Makes access tokens for callers without the authorization server, for development and for operators. */
@Injectable()
export class CallerTokensService {
  constructor(
    private readonly users: UsersService,
    private readonly clients: ClientsService,
    private readonly tokens: TokensService,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes an access token for a staff user, for the client `clientId` or else for the first client of the user's
   * organization.
   *
   * @throws Error that says what is missing
   */
  async mint(ref: NamingRef, ttlSeconds: number, clientId?: string): Promise<string> {
    const user = await this.users.find(ref);
    if (!user?.staffOrganizationId) throw new Error('There is no such user on the staff of an organization.');
    const client = clientId
      ? await this.clients.find(clientId)
      : await this.clients.findFirstOf(user.staffOrganizationId);
    if (!client)
      throw new Error(clientId ? `There is no client ${clientId}.` : 'The organization of this user has no client.');
    const iat = toNumericDate(this.clock.now());
    return this.tokens.sign('access', {
      sub: user.id,
      client_id: client.id,
      scope: 'ROLE_USER',
      jti: randomUUID(),
      iat,
      exp: iat + ttlSeconds,
    });
  }
}
