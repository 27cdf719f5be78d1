import { randomBytes } from 'node:crypto';

// Each test file has its own database. It must be set before anything is imported, because entities read it.
const url = new URL(process.env.TEST_POSTGRES);
url.pathname = `/latchkey_test_${randomBytes(6).toString('hex')}`;
process.env.DATABASE_URL = url.href;
