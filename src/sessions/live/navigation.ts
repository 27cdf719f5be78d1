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
  return destination === undefined || destination === 'document' || isInFrame(headers);
}

/** The browser says that it goes somewhere in a frame of a page. */
export function isInFrame(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-dest'] === 'iframe';
}

/** The browser says that it goes somewhere in a window of its own. What fetches links to look at them rarely says so. */
export function isTopLevel(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-dest'] === 'document' && headers['sec-fetch-mode'] === 'navigate';
}
