import { Not } from 'typeorm';
import type { EntityManager, FindOptionsWhere } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { PasswordLink } from '../schema/entities/password-link.entity.js';
import { UnverifiedEmailAddress } from '../schema/entities/unverified-email-address.entity.js';
import { normalizeEmailAddress } from '../common/user-ref.js';

/**
 * How many verified addresses an account may have, and how many unverified ones. All of them are read with the account.
 */
export const MAX_ADDRESSES = 20;

/**
 * Gives an account an address that names it.
 *
 * @throws DomainError `inUse`, with the `userId` of the account that already has it
 */
export async function addEmailAddress(
  db: EntityManager,
  userId: string,
  given: string,
  inUse: 'account_exists' | 'email_address_in_use',
): Promise<EmailAddress> {
  const address = normalizeEmailAddress(given);
  const isPrimary = !(await db.existsBy(EmailAddress, { userId, isPrimary: true }));
  await endVerificationLinks(db, { address });
  // A concurrent request for the same address waits here and then finds the other's row.
  await insertOrIgnore(db, EmailAddress, { address, userId, isPrimary });
  const found = await db.findOneByOrFail(EmailAddress, { address });
  if (found.userId !== userId)
    throw new DomainError(inUse, undefined, inUse === 'account_exists' ? { members: { userId: found.userId } } : {});
  await db.delete(UnverifiedEmailAddress, { userId, address });
  return found;
}

/**
 * Ends the links that verify addresses. Whoever gives an account an address ends the links of all accounts for it
 * first, so that none becomes valid again when the account loses the address.
 */
export async function endVerificationLinks(
  db: EntityManager,
  of: FindOptionsWhere<UnverifiedEmailAddress>,
): Promise<void> {
  await db.update(UnverifiedEmailAddress, of, { linkHash: null, linkExpiresAt: null, linkMadeBy: null });
}

/** Makes an address of the account its primary one. */
export async function makePrimary(db: EntityManager, userId: string, address: string): Promise<void> {
  await deleteOutdatedLinks(db, userId, address);
  await db.update(EmailAddress, { userId, isPrimary: true }, { isPrimary: false });
  await db.update(EmailAddress, { userId, address }, { isPrimary: true });
}

/**
 * Replaces the account's primary address and deletes the previous one.
 *
 * @throws DomainError `account_exists` if another account has it
 */
export async function replaceEmailAddress(db: EntityManager, userId: string, given: string): Promise<void> {
  const { address } = await addEmailAddress(db, userId, given, 'account_exists');
  await deleteOutdatedLinks(db, userId, address);
  await db.delete(EmailAddress, { userId, isPrimary: true, address: Not(address) });
  await db.update(EmailAddress, { address }, { isPrimary: true });
}

/**
 * After a change of the address, a password link may have gone to the wrong person, and a claim that was to replace the
 * previous address is obsolete.
 */
async function deleteOutdatedLinks(db: EntityManager, userId: string, address: string): Promise<void> {
  await db.delete(UnverifiedEmailAddress, { userId, isPrimary: true, address: Not(address) });
  if (!(await db.existsBy(EmailAddress, { userId, address, isPrimary: true })))
    await db.delete(PasswordLink, { userId });
}

/**
 * Keeps an address that users have set for themselves, apart from the addresses that name the account. It is not
 * revealed whether another account has the address: otherwise anybody could find out who has an account.
 *
 * @param isPrimary whether it becomes the primary address once it is verified
 * @throws DomainError `email_not_added` if there are too many
 */
export async function claimEmailAddress(
  db: EntityManager,
  userId: string,
  given: string,
  isPrimary: boolean,
): Promise<void> {
  const address = normalizeEmailAddress(given);
  if (isPrimary) await db.delete(UnverifiedEmailAddress, { userId, isPrimary: true, address: Not(address) });
  if (await db.existsBy(UnverifiedEmailAddress, { userId, address })) {
    if (isPrimary) await db.update(UnverifiedEmailAddress, { userId, address }, { isPrimary });
    return;
  }
  if ((await db.countBy(UnverifiedEmailAddress, { userId })) >= MAX_ADDRESSES) throw new DomainError('email_not_added');
  await insertOrIgnore(db, UnverifiedEmailAddress, { userId, address, isPrimary });
}
