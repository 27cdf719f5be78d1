import { ApiProperty } from '@nestjs/swagger';

/** The answer of a call that returns no data. */
export class DescriptionDto {
  @ApiProperty({ example: 'The group is deleted.' })
  description: string;
}
