import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';

/** What an ID can name. */
export const FOUND_TYPES = [
  'USER',
  'SERVICE_ACCOUNT',
  'GROUP',
  'CLIENT',
  'SESSION',
  'ACCESS_TOKEN',
  'LOGIN',
  'REQUEST',
  'TOKEN',
] as const;
export type FoundType = (typeof FOUND_TYPES)[number];

/** A third-party code, a `$` and an ID, each as long as they can be. */
const MAX_LENGTH = 320;

export class LookupQueryDto {
  @ApiProperty({
    description:
      'An ID as it stands in a log: of a user, service account, group, client, session, login token, access token or request; or an e-mail address, a third-party ID as `CODE$ID`, or the custom reference of a group.',
    maxLength: MAX_LENGTH,
    example: 'anna@demo.example',
  })
  @IsString()
  @Length(1, MAX_LENGTH)
  q: string;
}

/** The user of a session, a login token or a login. */
export class FoundUserDto {
  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  id: string;

  @ApiPropertyOptional({ description: 'Absent from a login, as from its events.', example: 'Anna Jansen' })
  name?: string;
}

/** What an ID names. Members without a value are left out. */
export class FoundDto {
  @ApiProperty({
    enum: FOUND_TYPES,
    description:
      'A `SESSION` is live, and an `ACCESS_TOKEN` is a login token that can still start a session. A `LOGIN` is either of them in the audit log, also after its end. A `REQUEST` and a `TOKEN`, an access token, are there too. All have the `id` that was asked for.',
    example: 'USER',
  })
  type: FoundType;

  @ApiProperty({ example: 'Zk1cVq0rTtWm8sQXq3bVxg' })
  id: string;

  @ApiPropertyOptional({ description: 'What it is called.', example: 'Anna Jansen' })
  name?: string;

  @ApiPropertyOptional({ type: FoundUserDto, description: 'Whose session or login token it is.' })
  user?: FoundUserDto;
}

export class LookupDto {
  @ApiProperty({ type: [FoundDto], description: 'Empty if the caller may see nothing with this ID.' })
  found: FoundDto[];
}
