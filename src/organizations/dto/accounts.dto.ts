import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { CursorQueryDto, IsOrder, PaginationDto } from '../../http/paging.js';
import type { Order } from '../../http/paging.js';
import { UserDto } from '../../users/dto/user.dto.js';

export class AccountsQueryDto extends CursorQueryDto {
  @ApiPropertyOptional({ enum: ['ADMIN'], description: 'Only the staff of the organization.' })
  @IsOptional()
  @IsIn(['ADMIN'])
  relationType?: 'ADMIN';

  @IsOrder()
  order?: Order;
}

/** The accounts of an organization (docs/api.md, section 8.2). */
export class AccountsDto {
  @ApiProperty({ type: [UserDto] })
  accounts: UserDto[];

  @ApiProperty({ type: PaginationDto })
  pagination: PaginationDto;
}
