import { ApiProperty } from '@nestjs/swagger';
import type { ApiVersion } from '../../common/paths.js';

/** A way in for one user, once. */
export class AccessDto {
  @ApiProperty({
    description: 'A JWT that starts one session. It is no API credential.',
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
    description: 'From then on the token starts nothing.',
    example: '2026-01-11T16:56:11Z',
  })
  expires: string;
}

/** What a version of the API answers: version 2 knows `token` alone, and its strict readers fail on more (docs/api.md, section 15.1). */
export function inVersion(version: ApiVersion, access: AccessDto): Partial<AccessDto> {
  return version === '2' ? { token: access.token } : access;
}
