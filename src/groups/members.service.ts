import { Injectable } from '@nestjs/common';
import { isEmail } from 'class-validator';
import type { EntityManager } from 'typeorm';
import { RevocationService } from '../access/revocation.service.js';
import type { Caller } from '../auth/caller.js';
import { Clock, toIso } from '../common/clock.js';
import { DomainError } from '../common/errors/errors.js';
import { Database } from '../database/database.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { findIn } from '../users/find-user.js';
import type { UserRef } from '../users/user-ref.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { InvitationAnswerDto, MemberDto, NewMemberDto } from './dto/member.dto.js';
import type { Group } from './group.entity.js';
import { GroupsPolicy } from './groups.policy.js';
import { requireGroup } from './groups.service.js';
import { Membership } from './membership.entity.js';

/** Who is in a group, and who is invited to it (API.md, section 6). */
@Injectable()
export class MembersService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly policy: GroupsPolicy,
    private readonly revocation: RevocationService,
    private readonly clock: Clock,
  ) {}

  /**
   * An account of the group's organization joins; any other is only invited, and gives no access before it accepts.
   *
   * @throws DomainError `group_not_found`, `no_permission`, `unknown_user`, `name_missing`, `already_member`,
   *   `already_invited`, and those of the fields of a new account
   */
  async add(caller: Caller, groupId: string, ref: UserRef, fields: NewMemberDto): Promise<MemberDto> {
    const membership = await this.database.transaction(async (db) => {
      const group = await requireGroup(db, groupId, 'group_not_found');
      await this.policy.requireMayManage(db, caller, group);
      const user = (await findIn(db, caller, ref)) ?? (await this.setUp(db, caller, group, ref, fields));
      return this.enter(db, user, group);
    });
    return this.describe(membership);
  }

  /** Also withdraws an invitation. @throws DomainError `group_not_found`, `no_permission`, `not_group_member` */
  async remove(caller: Caller, groupId: string, ref: UserRef): Promise<void> {
    await this.database.transaction(async (db) => {
      const group = await requireGroup(db, groupId, 'group_not_found');
      await this.policy.requireMayManage(db, caller, group);
      const user = await findIn(db, caller, ref);
      if (!user || !(await db.existsBy(Membership, { userId: user.id, groupId })))
        throw new DomainError('not_group_member');
      await db.delete(Membership, { userId: user.id, groupId });
      await this.revocation.revokeWhatIsNoLongerGranted(db, user.id);
    });
  }

  /** The caller's own answer to the invitation to a group. @throws DomainError `not_found` */
  async answer(caller: Caller, groupId: string, { action }: InvitationAnswerDto): Promise<void> {
    await this.database.transaction(async (db) => {
      const invitation = { userId: caller.userId, groupId, status: 'INVITED' } as const;
      const invited = await db.existsBy(Membership, { ...invitation, user: { status: 'ACTIVE' } });
      if (!invited) throw new DomainError('not_found', 'There is no invitation of the caller to this group.');
      if (action === 'ACCEPT')
        await db.update(Membership, invitation, { status: 'JOINED', joinedAt: this.clock.now() });
      else await db.delete(Membership, invitation);
    });
  }

  /** The account that a reference to nobody is to become. */
  private async setUp(
    db: EntityManager,
    caller: Caller,
    group: Group,
    ref: UserRef,
    { setup, ...fields }: NewMemberDto,
  ): Promise<User> {
    if (!setup || ref.by === 'id' || ref.by === 'self') throw new DomainError('unknown_user');
    await this.policy.requireMaySetUp(db, caller);
    if (!fields.name && !fields.realName) throw new DomainError('name_missing');
    if (ref.by === 'emailAddress' && !isEmail(ref.address)) throw new DomainError('invalid_email_address');
    const named =
      ref.by === 'emailAddress' ? { emailAddress: ref.address } : { thirdParty: ref.thirdParty, thirdPartyId: ref.id };
    await this.users.insert(db, group.organizationId, { ...fields, ...named });
    return (await findIn(db, caller, ref))!;
  }

  private async enter(db: EntityManager, user: User, group: Group): Promise<Membership> {
    const there = await db.findOneBy(Membership, { userId: user.id, groupId: group.id });
    if (there) throw new DomainError(there.status === 'JOINED' ? 'already_member' : 'already_invited');
    const now = this.clock.now();
    const joins = this.policy.joinsAtOnce(user, group);
    const membership: Membership = db.create(Membership, {
      userId: user.id,
      groupId: group.id,
      status: joins ? 'JOINED' : 'INVITED',
      joinedAt: joins ? now : null,
      invitedAt: joins ? null : now,
    });
    await insertOrIgnore(db, Membership, membership);
    return db.findOneByOrFail(Membership, { userId: user.id, groupId: group.id });
  }

  private async describe({ userId, status, joinedAt, invitedAt }: Membership): Promise<MemberDto> {
    return {
      member: await this.users.show(userId),
      joined: joinedAt ? toIso(joinedAt) : undefined,
      invited: joinedAt || !invitedAt ? undefined : toIso(invitedAt),
      status,
    };
  }
}
