import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether the browser says that it navigates: not a prefetch or prerender, and not an image, a script or a `fetch`.
 * Older browsers and other clients send none of these headers; they are taken to navigate.
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

/** Whether the browser says that it navigates in a frame. */
export function isInFrame(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-dest'] === 'iframe';
}

/**
 * Whether the browser says that it navigates in a window of its own. Programs that open links to preview them rarely
 * say so.
 */
export function isTopLevel(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-dest'] === 'document' && headers['sec-fetch-mode'] === 'navigate';
}
