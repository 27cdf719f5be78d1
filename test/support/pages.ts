import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Serves another site: `/frame?src=…` is a page with a frame, `/form?to=…` one with a form; `/cookies` sets two cookies
 * and shows those that it received.
 */
export async function servePages(): Promise<{ port: number; server: Server }> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://pages');
    response.setHeader('Content-Type', 'text/html');
    if (pathname === '/form')
      return void response.end(
        `<form method="post" action="${searchParams.get('to')}"><button name="order" value="7">Pay</button></form>`,
      );
    if (pathname !== '/cookies') return void response.end(`<iframe src="${searchParams.get('src')}"></iframe>`);
    const common = 'Path=/; Secure; HttpOnly; SameSite=None';
    response.setHeader('Set-Cookie', [`ordinary=1; ${common}`, `partitioned=1; ${common}; Partitioned`]);
    return void response.end(`<h1>${request.headers.cookie ?? 'none'}</h1>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}
