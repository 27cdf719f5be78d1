import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Each test file has its own database. It must be set before anything is imported, because entities read it.
delete process.env.DATABASE_URL;
process.env.DATABASE_PATH = join(tmpdir(), `latchkey-test-${randomBytes(6).toString('hex')}`, 'latchkey.db');
