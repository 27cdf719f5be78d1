// Receives webhooks at as many addresses as are asked for, and at one more that never answers. Prints the addresses as
// JSON, and at SIGTERM how late each event was at each address.
import { createServer } from 'node:http';

const COUNT = Number(process.argv[2]);
/** By address and ID of the event: the milliseconds from the event to its first arrival, and how often it came. */
const received = Array.from({ length: COUNT }, () => new Map());

function answer(events) {
  return (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const id = request.headers['webhook-id'];
      const known = events.get(id);
      if (known) known.times++;
      else events.set(id, { late: Date.now() - Date.parse(JSON.parse(Buffer.concat(chunks)).timestamp), times: 1 });
      response.writeHead(204).end();
    });
  };
}

async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${server.address().port}/webhooks`;
}

const alive = await Promise.all(received.map((events) => listen(answer(events))));
const dead = await listen(() => {});
process.stdout.write(`${JSON.stringify({ alive, dead })}\n`);

process.once('SIGTERM', () => {
  const all = received.map((events) => Array.from(events.values()));
  const result = {
    late: all.map((events) => events.map(({ late }) => late)),
    times: all.flat().map(({ times }) => times),
  };
  process.stdout.write(JSON.stringify(result), () => process.exit());
});
