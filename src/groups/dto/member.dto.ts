import { ApiProperty, ApiPropertyOptional, IntersectionType, PartialType } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsIn, IsOptional, IsString } from 'class-validator';
import { fails, ToBoolean, ToList } from '../../common/fields.js';
import { PaginationDto } from '../../http/paging.js';
import { PeriodDto, ShownPeriodDto } from '../../users/dto/period.dto.js';
import { UserFieldsDto } from '../../users/dto/user-fields.dto.js';
import { OrganizationRefDto, UserDto } from '../../users/dto/user.dto.js';
import { ShownMembershipDto } from './membership.dto.js';

/** How many accounts one call adds: their IDs are well below the limit of a body, and their rows take a moment. */
const MAX_NEW_MEMBERS = 500;

/** The fields for adding somebody to a group. With `setup`, a missing account is created from them. */
export class NewMemberDto extends IntersectionType(UserFieldsDto, PeriodDto) {
  @ApiPropertyOptional({ description: 'Create the account if it does not exist.', example: true })
  @ToBoolean()
  @IsOptional()
  @IsBoolean()
  setup?: boolean;
}

/** The account of a group member. If another organization manages the account, most members are left out. */
export class MemberUserDto extends PartialType(UserDto) {
  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  declare id: string;
}

/** Accounts to add to a group. */
export class NewMembersDto extends PeriodDto {
  @ApiProperty({
    type: [String],
    minItems: 1,
    maxItems: MAX_NEW_MEMBERS,
    description: 'IDs of users. In a form, repeat the field.',
    example: ['Zk1cVq0rTtWm8sQXq3bVxg'],
  })
  @ToList()
  @IsArray()
  @IsString({ each: true })
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_NEW_MEMBERS)
  users: string[];
}

/** Why one of several things was not done. */
export class RowErrorDto {
  @ApiProperty({
    enum: ['already_member', 'already_invited', 'unknown_user'],
    example: 'already_member',
  })
  id: string;

  @ApiProperty({ example: 'The user is a member of the group.' })
  description: string;
}

/** What became of one account: a status, or an error. */
export class AddedMemberDto {
  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  user: string;

  @ApiPropertyOptional({ enum: ['JOINED', 'INVITED'] })
  status?: 'JOINED' | 'INVITED';

  @ApiPropertyOptional({ type: RowErrorDto })
  error?: RowErrorDto;
}

export class AddedMembersDto {
  @ApiProperty({ type: [AddedMemberDto], description: 'In the order of `users`.' })
  results: AddedMemberDto[];
}

/** A person in a group, or invited to it (docs/api.md, section 7.2). */
export class MemberDto extends ShownMembershipDto {
  @ApiProperty({ type: MemberUserDto })
  member: MemberUserDto;
}

export class MemberCountsDto {
  @ApiProperty({ type: 'integer', description: 'Users who have joined.', example: 2 })
  members: number;

  @ApiProperty({ type: 'integer', description: 'Users who are invited.', example: 0 })
  invitees: number;
}

/** A page of the people in a group (docs/api.md, section 7.2). */
export class MembersDto {
  @ApiProperty({ type: [MemberDto] })
  members: MemberDto[];

  @ApiPropertyOptional({ type: 'integer', description: 'Rows on all pages. Only in versions 2 and 2.1.' })
  total?: number;

  @ApiProperty({ type: MemberCountsDto })
  counts: MemberCountsDto;

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}

export class InvitationAnswerDto {
  @ApiProperty({ enum: ['ACCEPT', 'DECLINE'] })
  @IsIn(['ACCEPT', 'DECLINE'], fails('invalid_action'))
  action: 'ACCEPT' | 'DECLINE';
}

/** An invitation to a group, as the invited person sees it (docs/api.md, section 7.2). */
export class InvitationDto extends ShownPeriodDto {
  @ApiProperty({
    description: 'The ID of the invitation, which is that of the group.',
    example: 'pX9sKd3LwQ7vB2nR5tYh0A',
  })
  id: string;

  @ApiProperty({ description: 'The name of the group.', example: 'Course: First aid' })
  name: string;

  @ApiProperty({ description: 'The description of the group.', example: 'Course: First aid' })
  description: string;

  @ApiProperty({ type: OrganizationRefDto, description: 'The organization that the group belongs to.' })
  organization: OrganizationRefDto;

  @ApiPropertyOptional({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  invited?: string;
}

/** A page of the caller's own invitations. */
export class InvitationsDto {
  @ApiProperty({ type: [InvitationDto] })
  invitations: InvitationDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}
