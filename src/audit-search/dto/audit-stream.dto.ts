import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { IsInstant } from '../../common/fields.js';
import { ToInteger } from '../../http/paging.js';

const DEFAULT_SIZE = 1000;
const MAX_SIZE = 5000;
const MAX_WAIT_SECONDS = 25;

/** The query of the next rows of the stream. */
export class AuditStreamQueryDto {
  @ApiPropertyOptional({
    description: 'The `cursor` of the last row that the receiver has. Without it, the stream begins.',
    maxLength: 256,
  })
  @IsOptional()
  @IsString()
  @MaxLength(256)
  after?: string;

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    description: 'Without `after`: the stream begins at this instant. Otherwise it begins with the oldest event.',
  })
  @IsOptional()
  @IsInstant()
  from?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_SIZE,
    default: DEFAULT_SIZE,
    description: 'The maximum of rows.',
  })
  @ToInteger()
  @IsInt()
  @Min(1)
  @Max(MAX_SIZE)
  size: number = DEFAULT_SIZE;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_WAIT_SECONDS,
    default: 0,
    description: 'For how many seconds the answer may wait for a new event, if there is none.',
  })
  @ToInteger()
  @IsInt()
  @Min(0)
  @Max(MAX_WAIT_SECONDS)
  wait: number = 0;
}
