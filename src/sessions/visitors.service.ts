import { Injectable } from '@nestjs/common';
import { toIso } from '../common/clock.js';
import { UsersService } from '../users/users.service.js';
import type { SessionDto } from './dto/session.dto.js';
import type { LiveSession } from './sessions.service.js';

/** Says who a session is: the user, and who let them in. */
@Injectable()
export class VisitorsService {
  constructor(private readonly users: UsersService) {}

  async describe(session: LiveSession): Promise<SessionDto> {
    const [user, actor] = await Promise.all([
      this.users.findById(session.userId),
      this.users.findById(session.actorId),
    ]);
    const organization = actor?.staffOrganization;
    if (!user || !actor || !organization)
      throw new Error('A live session has lost its user or actor while it was read.');
    return {
      user: await this.users.describe(user),
      actor: {
        type: actor.type,
        id: actor.id,
        name: actor.name,
        clientId: session.clientId,
        organization: { type: 'ORGANIZATION', id: organization.id, name: organization.name },
      },
      created: toIso(session.createdAt),
      expires: toIso(session.expiresAt),
    };
  }
}
