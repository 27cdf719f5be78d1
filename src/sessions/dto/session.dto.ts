import { ApiProperty, ApiPropertyOptional, PartialType, PickType, IntersectionType } from '@nestjs/swagger';
import { OrganizationRefDto, UserDto } from '../../users/dto/user.dto.js';

/** Who let the user in. */
export class ActorDto {
  @ApiProperty({ enum: ['USER'] })
  type: 'USER';

  @ApiPropertyOptional({ enum: [true], description: 'It is a service account of an organization, not a person.' })
  serviceAccount?: true;

  @ApiProperty({ example: 'Tq0mHc2b4cV8p0fYxw3n1A' })
  id: string;

  @ApiProperty({ example: 'Host system' })
  name: string;

  @ApiProperty({ description: 'The OAuth client that it called with.', example: '3f0c6d1e9b7a4c2d8e5f60718293a4b5' })
  clientId: string;

  @ApiProperty({ type: OrganizationRefDto })
  organization: OrganizationRefDto;
}

/** The user of a session. For an account that another organization manages, these are the only members. */
export class SessionUserDto extends IntersectionType(
  PartialType(UserDto),
  PickType(UserDto, ['type', 'id', 'name', 'realName']),
) {}

export class SessionDto {
  @ApiProperty({ type: SessionUserDto })
  user: SessionUserDto;

  @ApiProperty({ type: ActorDto })
  actor: ActorDto;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  created: string;

  @ApiProperty({
    format: 'date-time',
    description: 'When it ends if it is not used before, or at the latest.',
    example: '2026-01-11T17:24:11Z',
  })
  expires: string;
}
