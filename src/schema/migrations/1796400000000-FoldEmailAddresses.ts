import { domainToASCII, domainToUnicode } from 'node:url';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const INVISIBLE_AROUND = /^[\s\p{Default_Ignorable_Code_Point}]+|[\s\p{Default_Ignorable_Code_Point}]+$/gu;
/** Before the @, what composing would make ASCII of stays what it is: the address would become that of somebody else. */
const BECOMES_ASCII = /([\u212a\u037e\u1fef])/u;

/**
 * An internationalized domain and its `xn--` form have become one address, and what can't be seen around an address is
 * no part of it any more: the stored ones get the form in which they are now looked up. Where two accounts have what is
 * now one address, the one that was stored in this form keeps it, and the other row stays as it is and names nobody.
 */
export class FoldEmailAddresses1796400000000 implements MigrationInterface {
  readonly name = 'FoldEmailAddresses1796400000000';

  async up(runner: QueryRunner): Promise<void> {
    const rows = (await runner.query(
      `SELECT "address" FROM "email_addresses"
       WHERE octet_length("address") <> length("address") OR "address" LIKE '%xn--%'`,
    )) as { address: string }[];
    for (const { address } of rows) {
      const folded = fold(address);
      if (folded === address || folded.length > 254) continue;
      // Text that people gave, in a form that both engines take.
      const [to, from] = [folded, address].map((text) => `'${text.replaceAll("'", "''")}'`);
      await runner.query(
        `UPDATE "email_addresses" SET "address" = ${to}
         WHERE "address" = ${from} AND NOT EXISTS (SELECT 1 FROM "email_addresses" e WHERE e."address" = ${to})`,
      );
    }
  }

  /** How an address was written before is not known any more; as it is now, it was good before too. */
  async down(): Promise<void> {}
}

function fold(address: string): string {
  const visible = address.replace(INVISIBLE_AROUND, '');
  const at = visible.lastIndexOf('@') + 1;
  const localPart = visible
    .slice(0, at)
    .split(BECOMES_ASCII)
    .map((part) => (BECOMES_ASCII.test(part) ? part : foldText(part)))
    .join('');
  return localPart + foldDomain(foldText(visible.slice(at)));
}

function foldText(text: string): string {
  return text.normalize('NFC').toLowerCase().normalize('NFC');
}

function foldDomain(domain: string): string {
  if (!/[^\0-\x7f]|(?:^|\.)xn--/.test(domain) || /[\s%/?#@:\\[\]<>^|]/.test(domain)) return domain;
  const ascii = domainToASCII(domain);
  const unicode = domainToUnicode(ascii);
  return domainToASCII(unicode) === ascii ? unicode || domain : ascii;
}
