/** Import this file before all others: an older Node would crash in the SQLite binary without a message. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 13) || major === 23 || (major === 24 && minor < 11)) {
  process.stderr.write(
    `Latchkey needs Node 22.13 or newer, or 24.11 or newer, and this is ${process.versions.node}. ` +
      'On Linux, npm ci installs one that npm start and npm run latchkey use.\n',
  );
  process.exit(1);
}
