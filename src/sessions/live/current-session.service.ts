import { Injectable } from '@nestjs/common';
import { toIso } from '../../common/clock.js';
import { kindOf } from '../../users/dto/user.dto.js';
import type { UserDto } from '../../users/dto/user.dto.js';
import { UsersService } from '../../users/users.service.js';
import type { SessionDto } from '../dto/session.dto.js';
import type { LiveSession } from './session.js';

/** Describes the browser's session: its user, and who let them in. */
@Injectable()
export class CurrentSessionService {
  constructor(private readonly users: UsersService) {}

  async toDto(session: LiveSession): Promise<SessionDto> {
    const [user, actor] = await Promise.all([
      this.users.findById(session.userId),
      this.users.findById(session.actorId),
    ]);
    const organization = actor?.staffOrganization;
    if (!user || !actor || !organization)
      throw new Error('A live session has lost its user or actor while it was read.');
    return {
      user: visiblePart(await this.users.toDto(user), organization.id),
      actor: {
        ...kindOf(actor),
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

/**
 * The members that an organization may see of an account that it does not manage: those that it sees of members of its
 * groups.
 */
function visiblePart(user: UserDto, organizationId: string): SessionDto['user'] {
  if (user.organization?.id === organizationId) return user;
  const { type, id, name, realName, emailAddress } = user;
  return { type, id, name, realName, emailAddress };
}
