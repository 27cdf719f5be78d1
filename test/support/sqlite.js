import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A database of its own for each test file. Set before anything is imported: entities read it.
delete process.env.DATABASE_URL;
process.env.DATABASE_PATH = join(tmpdir(), `latchkey-test-${randomBytes(6).toString('hex')}`, 'latchkey.db');
