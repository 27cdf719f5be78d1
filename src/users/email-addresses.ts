import { Not } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { DomainError } from '../common/errors/errors.js';
import { insertOrIgnore } from '../database/insert-or-ignore.js';
import { EmailAddress } from '../schema/entities/email-address.entity.js';
import { PasswordLink } from '../schema/entities/password-link.entity.js';
import { UnverifiedEmailAddress } from '../schema/entities/unverified-email-address.entity.js';
import { normalizeEmailAddress } from '../common/user-ref.js';

/** Of verified ones, and of unverified ones: nobody has so many, and each of them is read with the account. */
export const MAX_ADDRESSES = 20;

/**
 * Gives an account an address that names it from now on.
 *
 * @throws DomainError `inUse`, with the `userId` of the account that has it already
 */
export async function addEmailAddress(
  db: EntityManager,
  userId: string,
  given: string,
  inUse: 'account_exists' | 'email_address_in_use',
): Promise<EmailAddress> {
  const address = normalizeEmailAddress(given);
  const isPrimary = !(await db.existsBy(EmailAddress, { userId, isPrimary: true }));
  // Whoever asks for the same address at the same time waits here, and then finds the other's.
  await insertOrIgnore(db, EmailAddress, { address, userId, isPrimary });
  const found = await db.findOneByOrFail(EmailAddress, { address });
  if (found.userId !== userId)
    throw new DomainError(inUse, undefined, inUse === 'account_exists' ? { members: { userId: found.userId } } : {});
  await db.delete(UnverifiedEmailAddress, { userId, address });
  return found;
}

/** Makes an address of the account the one that is shown. */
export async function makePrimary(db: EntityManager, userId: string, address: string): Promise<void> {
  await forgetLinksOfOther(db, userId, address);
  await db.update(EmailAddress, { userId, isPrimary: true }, { isPrimary: false });
  await db.update(EmailAddress, { userId, address }, { isPrimary: true });
}

/**
 * Makes an address the one that is shown for the account, in place of the one before, which is gone.
 *
 * @throws DomainError `account_exists` if another account has it
 */
export async function replaceEmailAddress(db: EntityManager, userId: string, given: string): Promise<void> {
  const { address } = await addEmailAddress(db, userId, given, 'account_exists');
  await forgetLinksOfOther(db, userId, address);
  await db.delete(EmailAddress, { userId, isPrimary: true, address: Not(address) });
  await db.update(EmailAddress, { address }, { isPrimary: true });
}

/**
 * Where another address is chosen, a link for a password may have gone to the wrong person, and an address that was to
 * replace the one before waits no longer.
 */
async function forgetLinksOfOther(db: EntityManager, userId: string, address: string): Promise<void> {
  await db.delete(UnverifiedEmailAddress, { userId, isPrimary: true, address: Not(address) });
  if (!(await db.existsBy(EmailAddress, { userId, address, isPrimary: true })))
    await db.delete(PasswordLink, { userId });
}

/**
 * Keeps an address that somebody set for themselves, apart from those that name the account. Whether somebody else has it
 * is not said: anybody could ask so who has an account.
 *
 * @param isPrimary whether it is to replace the one that is shown, once it is verified
 * @throws DomainError `email_not_added` when there are too many
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
