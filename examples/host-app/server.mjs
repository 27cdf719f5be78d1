// A small host system: an intranet whose users follow a link to a course and arrive there signed in.
//
//   LATCHKEY_URL    where the API is            (http://localhost:3000)
//   LATCHKEY_TOKEN  an access token of the host
//   WIKI_URL        an application that signs its users in by OpenID Connect, if there is one
//   PORT            where to listen             (4000)
import Fastify from 'fastify';

const { LATCHKEY_URL = 'http://localhost:3000', LATCHKEY_TOKEN, WIKI_URL, PORT = '4000' } = process.env;
/** What users may continue to: a page of the protected site, and one of the application. */
const PAGES = { course: '/course/first-aid?lesson=2', handbook: `${WIKI_URL}/first-aid` };
/** The signed-in users, by the name that both systems know. A real host takes it from its own session. */
const USERS = new Map([
  ['anna', { name: 'Anna Jansen', reference: 'anna@demo.example' }],
  ['chloe', { name: 'Chloé Dubois', reference: 'LMS$4713' }],
  ['eva', { name: 'Eva Nowhere', reference: 'eva@demo.example' }],
]);

const app = Fastify({ logger: false });

app.get('/', (request, reply) => reply.type('text/html; charset=utf-8').send(page(userOf(request))));

/**
 * The whole integration: one call and one redirect. The call is made when the link is followed, because the token lives
 * for only two minutes.
 */
app.get('/continue', async (request, reply) => {
  const user = userOf(request);
  // The user of this system must be the one who is signed in there, even if somebody else was before.
  const query = new URLSearchParams({ returnTo: PAGES[request.query.to] ?? PAGES.course, session: 'switch' });
  const path = `/api/2.1.1/access/${encodeURIComponent(user.reference)}?${query}`;
  const answer = await fetch(LATCHKEY_URL + path, { headers: { authorization: `Bearer ${LATCHKEY_TOKEN}` } });
  const { url, id, description } = await answer.json();
  if (answer.ok) return reply.header('Cache-Control', 'no-store').redirect(url, 303);
  return reply
    .status(502)
    .type('text/html; charset=utf-8')
    .send(page(user, `${id}: ${description}`));
});

function userOf({ query }) {
  return USERS.get(query.user) ?? USERS.get('anna');
}

function page(user, failure) {
  const [key] = [...USERS].find(([, candidate]) => candidate === user);
  const others = [...USERS].map(([other, { name }]) =>
    other === key ? `<b>${name}</b>` : `<a href="/?user=${other}">${name}</a>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Intranet</title>
<style>
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; background: #f3efe6; color: #2b2620; }
header { padding: 1rem 2rem; background: #7a3e1d; color: #fff; }
main { max-width: 40rem; padding: 2rem; }
a.button { display: inline-block; padding: .6rem 1.2rem; border-radius: .4rem; background: #7a3e1d; color: #fff; text-decoration: none; }
[role=alert] { padding: .6rem 1rem; background: #fbd9d0; }
</style>
</head>
<body>
<header>Intranet of the Demo Academy</header>
<main>
<h1>Hello, ${user.name}</h1>
${failure ? `<p role="alert">The page can’t be opened: ${escaped(failure)}</p>` : ''}
<p>You have one course to finish: <b>First aid</b>, lesson 2.</p>
<p><a class="button" href="/continue?user=${key}">Continue to the course</a></p>
${WIKI_URL ? `<p><a class="button" href="/continue?user=${key}&amp;to=handbook">Open the handbook</a></p>` : ''}
<p><small>This intranet is used as: ${others.join(' · ')}</small></p>
</main>
</body>
</html>
`;
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

await app.listen({ port: Number(PORT), host: 'localhost' });
process.stdout.write(`Host system   http://localhost:${PORT}\n`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void app.close());
