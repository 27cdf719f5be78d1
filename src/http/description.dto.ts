import { ApiProperty } from '@nestjs/swagger';

/** What an answer says that has nothing else to say. */
export class DescriptionDto {
  @ApiProperty({ example: 'The group is deleted.' })
  description: string;
}
