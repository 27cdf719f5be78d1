import type { Settings } from '../config/settings.js';
import { error, ok, warning } from './finding.js';
import type { Finding } from './finding.js';

/** Milliseconds that the public URL may take. */
const PATIENCE_MS = 5_000;
const LOOPBACK = /^(localhost|127\..*|\[?::1\]?)$/;

export async function examineProxies(settings: Settings): Promise<Finding[]> {
  return [...examineTrust(settings), await examinePublicUrl(settings)];
}

function examineTrust({ TRUSTED_PROXIES, SIGN_IN_URL, PREFLIGHT_SITES, PUBLIC_URL, isHttps }: Settings): Finding[] {
  const list = TRUSTED_PROXIES ?? '';
  const hasProxies = list !== '';
  if (!hasProxies && (SIGN_IN_URL || PREFLIGHT_SITES))
    return [
      error(
        'proxies',
        'SIGN_IN_URL or PREFLIGHT_SITES is set for protected sites, but TRUSTED_PROXIES is empty: /forward-auth answers nobody.',
        'List the addresses of the proxies in TRUSTED_PROXIES.',
      ),
    ];
  if (!hasProxies && isHttps)
    return [
      warning(
        'proxies',
        'PUBLIC_URL is https, so a proxy is in front, but TRUSTED_PROXIES is empty: all visitors count as one address.',
        'List the addresses of the proxies in TRUSTED_PROXIES, so that limits count each visitor.',
      ),
    ];
  if (!isHttps && !LOOPBACK.test(new URL(PUBLIC_URL).hostname))
    return [
      warning(
        'proxies',
        `PUBLIC_URL (${PUBLIC_URL}) has no https: others can read tokens and cookies.`,
        'Put a proxy with https in front.',
      ),
    ];
  return [ok('proxies', hasProxies ? 'TRUSTED_PROXIES lists the proxies in front.' : 'No proxy is trusted.')];
}

async function examinePublicUrl({ PUBLIC_URL, isProduction }: Settings): Promise<Finding> {
  let fault: string;
  try {
    const response = await fetch(`${PUBLIC_URL}/api/2.1.1/version`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const body = (await response.json().catch(() => null)) as { version?: unknown } | null;
    if (response.status === 200 && typeof body?.version === 'string')
      return ok('proxies', `Latchkey ${body.version} answers at ${PUBLIC_URL}.`);
    fault = `It answers with status ${response.status}, and not as Latchkey does.`;
  } catch (failure) {
    const { message, cause } = failure as Error & { cause?: Error };
    fault = `${cause?.message || message}.`;
  }
  return (isProduction ? error : warning)(
    'proxies',
    `PUBLIC_URL (${PUBLIC_URL}) does not lead to the service from here: ${fault}`,
    'Check that the service runs, the proxy in front, its certificate, and the name in the DNS.',
  );
}
