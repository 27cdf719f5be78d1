export default async function tearDown() {
  await globalThis.pgBouncer?.stop();
  await globalThis.embeddedPostgres?.stop();
}
