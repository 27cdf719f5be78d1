/** The public client with which the explorer at /docs signs in. It has the same ID in every installation. */
export const EXPLORER_CLIENT = '5e11a6e70d0c5a11d3e5f1a4b2c7d890';
/** The path of its redirect URI, on the public URL. */
export const OAUTH2_REDIRECT = '/docs/oauth2-redirect.html';
