import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

/**
 * Whether a client may learn what a token is good for (RFC 7662, section 2.1): of its own tokens, and of those of all
 * clients of its organization, whose resource server it may be. A public client can't prove who it is.
 */
export async function mayIntrospect(
  { oidc }: KoaContextWithOIDC,
  client: InstanceType<Provider['Client']>,
  { clientId }: { clientId?: string },
): Promise<boolean> {
  if (client.clientAuthMethod === 'none') return false;
  if (clientId === client.clientId) return true;
  const other = await oidc.provider.Client.find(clientId ?? '');
  return other !== undefined && other.organization === client.organization;
}
