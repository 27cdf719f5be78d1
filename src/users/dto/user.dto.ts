import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { AccountType } from '../../schema/entities/user.entity.js';

export class OrganizationRefDto {
  @ApiProperty({ enum: ['ORGANIZATION'] })
  type: 'ORGANIZATION';

  @ApiProperty({ example: 'kWlTj0xqQ1m7Yc5fGZ0s2A' })
  id: string;

  @ApiProperty({ example: 'Demo Academy' })
  name: string;
}

export class ThirdPartyIdDto {
  @ApiProperty({ description: 'The code of the third party.', example: 'LMS' })
  thirdParty: string;

  @ApiProperty({ description: 'The user’s ID there.', example: '4711' })
  id: string;
}

/**
 * The type of an account. Clients of the API know only `USER` and `ORGANIZATION`, so a service account is marked
 * separately (docs/api.md, section 9.3).
 */
export function kindOf(account: { type: AccountType }): { type: 'USER'; serviceAccount?: true } {
  return { type: 'USER', serviceAccount: account.type === 'SERVICE_ACCOUNT' || undefined };
}

/** A user (docs/api.md, section 6.1). Members without a value are left out. */
export class UserDto {
  @ApiProperty({ enum: ['USER'] })
  type: 'USER';

  @ApiPropertyOptional({ enum: [true], description: 'It is a service account of an organization, not a person.' })
  serviceAccount?: true;

  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  id: string;

  @ApiProperty({ example: 'Anna Jansen' })
  name: string;

  @ApiProperty({ description: 'The same as `name`.', example: 'Anna Jansen' })
  realName: string;

  @ApiPropertyOptional({ format: 'email', example: 'anna@demo.example' })
  emailAddress?: string;

  @ApiPropertyOptional({
    type: [String],
    description:
      'Set by the user, not verified. Shown to the user and to staff of the organization that manages the account.',
    example: ['anna@home.example'],
  })
  unverifiedEmailAddresses?: string[];

  @ApiPropertyOptional({ example: 'en' })
  locale?: string;

  @ApiPropertyOptional({ example: 'Europe/Amsterdam' })
  timeZone?: string;

  @ApiPropertyOptional({ example: 'Second-year student' })
  description?: string;

  @ApiPropertyOptional({ description: 'ISO 3166-1 alpha-2', example: 'NL' })
  domicile?: string;

  @ApiPropertyOptional({ type: 'integer', example: 1998 })
  yearOfBirth?: number;

  @ApiPropertyOptional({ type: OrganizationRefDto, description: 'The organization that manages the account.' })
  organization?: OrganizationRefDto;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;

  @ApiProperty({ description: 'The same as `created`.', format: 'date-time', example: '2026-01-11T16:54:11Z' })
  memberSince: string;

  @ApiPropertyOptional({ format: 'date-time', example: '2026-02-01T08:00:00Z' })
  lastLogin?: string;

  @ApiProperty({ type: [ThirdPartyIdDto] })
  thirdPartyIds: ThirdPartyIdDto[];

  @ApiProperty({ enum: ['ACTIVE', 'BLOCKED'] })
  status: 'ACTIVE' | 'BLOCKED';
}

/** What the API calls a session: the user that the access token is for. */
export class ApiSessionDto {
  @ApiPropertyOptional({ example: 'en' })
  locale?: string;

  @ApiProperty({ type: UserDto })
  user: UserDto;
}
