import { ApiProperty } from '@nestjs/swagger';

export class EmailAddressDto {
  @ApiProperty({ format: 'email', example: 'anna@demo.example' })
  address: string;

  @ApiProperty({ description: 'Whether the address identifies the account.', example: true })
  verified: boolean;
}

/** An e-mail address of an account. */
export class UserEmailAddressDto {
  @ApiProperty({ type: EmailAddressDto })
  emailAddress: EmailAddressDto;

  @ApiProperty({ description: 'Whether it is the primary address.', example: true })
  primary: boolean;
}

export class UserEmailAddressesDto {
  @ApiProperty({ type: 'integer', example: 1 })
  total: number;

  @ApiProperty({ type: [UserEmailAddressDto] })
  userEmailAddresses: UserEmailAddressDto[];
}

/** A link that verifies an address. It works once. */
export class VerificationLinkDto {
  @ApiProperty({ example: 'http://localhost:3000/login/email-address?token=…' })
  url: string;

  @ApiProperty({ format: 'date-time', example: '2026-01-12T16:54:11Z' })
  expires: string;
}
