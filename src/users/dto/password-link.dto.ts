import { ApiProperty } from '@nestjs/swagger';

/** A link with which somebody sets their password. It is shown only once. */
export class PasswordLinkDto {
  @ApiProperty({
    example: 'https://learn.example.com/oauth/password?token=Zq8vTn2rLw5yKx3mPd7sHb1cJf4gWe6a9uQxRkVtYo0',
  })
  url: string;

  @ApiProperty({ example: '2026-01-12T16:54:11Z' })
  expires: string;
}
