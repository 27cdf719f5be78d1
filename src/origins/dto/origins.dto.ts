import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { fails } from '../../common/fields.js';
import { PROOFS } from '../../schema/entities/origin.entity.js';
import type { Proof } from '../../schema/entities/origin.entity.js';

export class NewOriginDto {
  @ApiProperty({
    maxLength: 255,
    description: 'As browsers write it: https, and http on the own machine in development.',
    example: 'https://learn.example.com',
  })
  @IsString(fails('invalid_origin'))
  @MaxLength(255, fails('invalid_origin'))
  origin: string;
}

/** The origin of a site that an organization owns or claims. */
export class OriginDto {
  @ApiProperty({ example: 'https://learn.example.com' })
  origin: string;

  @ApiProperty({ enum: ['OWNED', 'CLAIMED'], description: '`CLAIMED` until it is proven. Then clients can use it.' })
  status: 'OWNED' | 'CLAIMED';

  @ApiPropertyOptional({
    enum: PROOFS,
    description:
      'Why the organization owns it: `FILE`, the challenge was on the site; `OPERATOR`, the operator set it; `UPGRADE`, nobody else used it when origins got owners.',
  })
  proof?: Proof;

  @ApiPropertyOptional({
    description: 'Of a claim: the line that the file must contain.',
    example: 'w0gqQ6xZpU3n2X8kVbY5rT1mJ4sD7fH9aLcEeRiOyPk',
  })
  challenge?: string;

  @ApiPropertyOptional({
    description: 'Of a claim: the public URL of the file.',
    example: 'https://learn.example.com/.well-known/latchkey-origin',
  })
  url?: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-11T16:54:11Z' })
  since: string;
}

export class OriginsDto {
  @ApiProperty({ type: [OriginDto] })
  origins: OriginDto[];
}
