import { randomBytes } from 'node:crypto';

// A database of its own for each test file. Set before anything is imported: entities read it.
const url = new URL(process.env.TEST_POSTGRES);
url.pathname = `/latchkey_test_${randomBytes(6).toString('hex')}`;
process.env.DATABASE_URL = url.href;
