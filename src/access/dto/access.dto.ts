import { ApiProperty } from '@nestjs/swagger';

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
    example: 'https://login.example.com/login?token=eyJhbGciOiJIUzI1NiIs…',
  })
  url: string;

  @ApiProperty({
    format: 'date-time',
    description: 'From then on the token starts nothing.',
    example: '2026-01-11T16:56:11Z',
  })
  expires: string;
}
