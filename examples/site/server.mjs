// A small protected site. It knows nothing of Latchkey: the proxy names the visitor in the headers.
//
//   PORT  where to listen (4001); only the proxy may reach it
import Fastify from 'fastify';

const { PORT = '4001' } = process.env;

const app = Fastify({ logger: false });

app.get('/*', (request, reply) => {
  const name = decodeURIComponent(request.headers['x-latchkey-name'] ?? '');
  const shown = Object.entries(request.headers).filter(([header]) => /^(x-latchkey|cookie)/.test(header));
  return reply.type('text/html; charset=utf-8').send(page(name, request.url, shown));
});

function page(name, url, headers) {
  const rows = headers.map(([header, value]) => `<tr><th>${escaped(header)}</th><td>${escaped(value)}</td></tr>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>First aid</title>
<style>
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; background: #eef4f1; color: #1d2b26; }
header { display: flex; align-items: center; justify-content: space-between; padding: 1rem 2rem; background: #1f6f54; color: #fff; }
header form { margin: 0; }
button { padding: .3rem .8rem; border: 1px solid #fff; border-radius: .4rem; background: none; color: #fff; font: inherit; cursor: pointer; }
main { max-width: 60rem; padding: 2rem; }
th { padding-right: 1rem; text-align: left; vertical-align: top; white-space: nowrap; }
td { overflow-wrap: anywhere; font-family: monospace; }
</style>
</head>
<body>
<header><span>${escaped(name)}</span><form method="post" action="/logout"><button>Log out</button></form></header>
<main>
<h1>First aid, lesson 2</h1>
<p>This page is <code>${escaped(url)}</code>. The application behind it has no login of its own; the proxy said:</p>
<table>${rows.join('')}</table>
</main>
</body>
</html>
`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

await app.listen({ port: Number(PORT), host: '127.0.0.1' });
process.stdout.write(`Protected site  http://127.0.0.1:${PORT}, behind the proxy\n`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void app.close());
