import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { EmptyIsNull, IsInstant } from '../../common/fields.js';

const FROM = '2026-01-01T00:00:00Z';
const UNTIL = '2099-12-31T23:00:00Z';

/** When a right counts (docs/api.md, section 7.4). What is not given stays as it is; `null` or an empty text removes it. */
export class PeriodDto {
  @ApiPropertyOptional({ type: String, format: 'date-time', nullable: true, example: FROM })
  @EmptyIsNull()
  @IsOptional()
  @IsInstant()
  validFrom?: string | null;

  @ApiPropertyOptional({ type: String, format: 'date-time', nullable: true, example: UNTIL })
  @EmptyIsNull()
  @IsOptional()
  @IsInstant()
  validUntil?: string | null;
}

/** The period of a right, as the API shows it. A limit that there is not is left out. */
export class ShownPeriodDto {
  @ApiPropertyOptional({ format: 'date-time', description: 'The right counts from this instant.', example: FROM })
  validFrom?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'The right ends at this instant.', example: UNTIL })
  validUntil?: string;
}
