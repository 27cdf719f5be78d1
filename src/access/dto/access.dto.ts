import { ApiProperty } from '@nestjs/swagger';
import type { ApiVersion } from '../../common/paths.js';

/** A login token for one user, for one use. */
export class AccessDto {
  @ApiProperty({
    description: 'A JWT that starts one session. It cannot be used to call the API.',
    example: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImxvZ2luK2p3dCIsImtpZCI6IkJ…',
  })
  token: string;

  @ApiProperty({
    format: 'uri',
    description: 'Forward the browser here.',
    example: 'https://login.example.com/login?token=eyJhbGciOiJIUzI1NiIs',
  })
  url: string;

  @ApiProperty({
    format: 'date-time',
    description: 'After this time the token starts no session.',
    example: '2026-01-11T16:56:11Z',
  })
  expires: string;
}

/**
 * The answer for one version of the API. Version 2 has only `token`, and its strict readers fail on further members
 * (docs/api.md, section 15.1).
 */
export function inVersion(version: ApiVersion, access: AccessDto): Partial<AccessDto> {
  return version === '2' ? { token: access.token } : access;
}
