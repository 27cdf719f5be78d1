import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a browser goes somewhere, as far as it says: not a prefetch or prerender, and not an image, a
 * script or a `fetch`. Older browsers and other clients send none of these headers and are believed.
 */
export function isNavigation(headers: IncomingHttpHeaders): boolean {
  if (
    /prefetch|prerender|preview/i.test(
      `${headers['sec-purpose'] ?? ''} ${headers.purpose ?? ''} ${headers['x-moz'] ?? ''} ${headers['x-purpose'] ?? ''}`,
    )
  )
    return false;
  const destination = headers['sec-fetch-dest'];
  return destination === undefined || destination === 'document' || destination === 'iframe';
}
