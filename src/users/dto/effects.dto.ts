import { ApiProperty } from '@nestjs/swagger';

/** What ends when a right is taken away (docs/api.md, section 7.4). */
export class EffectsDto {
  @ApiProperty({ type: 'integer', description: 'Open sessions.', example: 3 })
  sessions: number;

  @ApiProperty({ type: 'integer', description: 'Login tokens that could have started a session.', example: 1 })
  tokens: number;
}
