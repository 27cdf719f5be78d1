import { hash } from 'node:crypto';

/**
 * The client with which the console signs people in at the authorization server. It is no row of the database: nobody
 * can change its redirect URI, and its access tokens call nothing.
 */
export const CONSOLE_CLIENT = 'c0450e5e11a6e70d0c5a11d3e5f1a4b2';
/** The path of its redirect URI, on the public URL. */
export const CONSOLE_REDIRECT = '/console/signed-in';
export const CONSOLE_NAME = 'Latchkey console';

/** The ID of the client through which people of an organization call the API in the console. */
export function consoleClientOf(organizationId: string): string {
  return hash('sha256', `console of ${organizationId}`).slice(0, 32);
}
