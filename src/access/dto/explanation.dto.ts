import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches } from 'class-validator';
import { failsAs } from '../../common/errors/validation.js';

export class ExplanationQueryDto {
  @ApiPropertyOptional({
    type: String,
    description: 'Whose call is explained, as a user reference. Without it, the caller’s own.',
    example: 'self',
  })
  @IsOptional()
  @IsString()
  caller?: string;

  @ApiPropertyOptional({
    type: String,
    description:
      'The client that the call is made through. Without it, that of a service account is its own, and otherwise this one.',
  })
  @IsOptional()
  @IsString()
  @Matches(/^[\w-]{1,64}$/, failsAs('incorrect_field', 'client must be the ID of a client'))
  client?: string;

  @ApiPropertyOptional({ type: String, description: 'As in the access call.', example: '/' })
  @IsOptional()
  @IsString()
  returnTo?: string;

  @ApiPropertyOptional({ type: String, description: 'As in the access call.' })
  @IsOptional()
  @IsString()
  embed?: string;
}

/** An account, group or client by its name. */
export class NamedDto {
  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  id: string;

  @ApiProperty({ example: 'Anna Jansen' })
  name: string;
}

export const EVIDENCE_KINDS = [
  'CALLER',
  'STAFF',
  'ACCOUNT_PERMISSION',
  'GROUP_RIGHT',
  'MEMBERSHIP',
  'USER',
  'TARGET',
] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/** A row that decided, or the lack of one. */
export class EvidenceDto {
  @ApiProperty({ description: 'The rule that the row is about.', type: 'integer', example: 6 })
  rule: number;

  @ApiProperty({ enum: EVIDENCE_KINDS, example: 'MEMBERSHIP' })
  kind: EvidenceKind;

  @ApiProperty({ description: 'Whether the row is there and counts.', example: true })
  holds: boolean;

  @ApiProperty({ description: 'For people.', example: 'Anna Jansen is a member of Class 2B.' })
  description: string;

  @ApiPropertyOptional({ type: NamedDto, description: 'The account that the row is about.' })
  account?: NamedDto;

  @ApiPropertyOptional({ type: NamedDto })
  group?: NamedDto;

  @ApiPropertyOptional({ description: 'An account permission, or a permission on the group.', example: 'MANAGE' })
  permission?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When the row begins to count, if it has a beginning.' })
  validFrom?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When it no longer counts, if it has an end.' })
  validUntil?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Since when, as the record says.' })
  since?: string;

  @ApiPropertyOptional({ type: NamedDto, description: 'Who made it so, as the record says.' })
  by?: NamedDto;
}

export const CHANGE_KINDS = [
  'UNBLOCK_ACCOUNT',
  'APPOINT_STAFF',
  'GRANT_PERMISSION',
  'GRANT_GROUP_RIGHT',
  'ADD_MEMBER',
  'ACCEPT_INVITATION',
  'CHANGE_PERIOD',
  'CHANGE_PARAMETER',
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** A change after which the rule that refused no longer would. A later rule may still refuse. */
export class ChangeDto {
  @ApiProperty({ enum: CHANGE_KINDS, example: 'ADD_MEMBER' })
  kind: ChangeKind;

  @ApiProperty({ description: 'For people.', example: 'Add the user to Class 2B.' })
  description: string;

  @ApiPropertyOptional({ type: NamedDto, description: 'The account to change.' })
  account?: NamedDto;

  @ApiPropertyOptional({ type: NamedDto })
  group?: NamedDto;

  @ApiPropertyOptional({
    description:
      'The permission to give. With `CHANGE_PERIOD`, that which gets another period; without one, the membership gets it.',
    example: 'OBTAIN_ACCESS_TOKENS',
  })
  permission?: string;
}

/** Why an access call answers what it answers (docs/api.md, section 4.4). */
export class ExplanationDto {
  @ApiProperty({ enum: ['ALLOWED', 'REFUSED'], example: 'ALLOWED' })
  verdict: 'ALLOWED' | 'REFUSED';

  @ApiPropertyOptional({ type: 'integer', description: 'The rule that refuses.', example: 6 })
  rule?: number;

  @ApiPropertyOptional({ description: 'The id of the error that the access call answers.', example: 'not_authorized' })
  error?: string;

  @ApiProperty({ description: 'The decision in words.', example: 'The caller may let the user in.' })
  description: string;

  @ApiProperty({ type: NamedDto })
  caller: NamedDto;

  @ApiProperty({ type: NamedDto })
  client: NamedDto;

  @ApiPropertyOptional({ type: NamedDto, description: 'Present if the caller of this route may know the user.' })
  user?: NamedDto;

  @ApiProperty({ type: [EvidenceDto] })
  evidence: EvidenceDto[];

  @ApiProperty({ type: [ChangeDto], description: 'Each of them alone turns the rule that refuses.' })
  changes: ChangeDto[];
}
