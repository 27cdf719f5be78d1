// Takes the pictures of the console in the README from the demo organization: npm run -s build && node scripts/console-screenshots.mjs
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const PORT = 3917;
const SERVICE = `http://localhost:${PORT}`;
const PATIENCE_MS = 30_000;
const ADMINISTRATOR = 'admin@demo.example';

const directory = mkdtempSync(join(tmpdir(), 'latchkey-screenshots-'));
const server = spawn(process.execPath, ['dist/main.cjs'], {
  env: {
    PATH: process.env.PATH,
    HOST: 'localhost',
    PORT: String(PORT),
    PUBLIC_URL: SERVICE,
    DATABASE_PATH: join(directory, 'demo.db'),
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});

try {
  const password = await started();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const context = await browser.newContext({
    locale: 'en',
    viewport: { width: 1100, height: 720 },
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  await page.goto(`${SERVICE}/console/groups`);
  await page.locator('input[name=email]').fill(ADMINISTRATOR);
  await page.locator('input[name=password]').fill(password);
  await page.locator('form:has(input[name=password]) button[type=submit]').click();

  await page.getByRole('link', { name: 'Course: First aid' }).click();
  await page.getByRole('link', { name: 'Anna Jansen' }).waitFor();
  await page.getByRole('button', { name: 'Give a right on the group' }).waitFor();
  await picture('group');

  await page.goto(`${SERVICE}/console/why?user=anna%40demo.example`);
  await page.getByRole('heading', { name: /let Anna Jansen in/ }).waitFor();
  await picture('why');

  await page.goto(`${SERVICE}/console/staff`);
  await page.getByText('Manage people').first().waitFor();
  await picture('staff');
  await browser.close();

  async function picture(name) {
    await page.waitForLoadState('networkidle');
    await page.screenshot({ path: `docs/images/console-${name}.png` });
  }
} finally {
  server.kill();
  await once(server, 'exit');
  rmSync(directory, { recursive: true, force: true });
}

/** Waits for the demo organization. Resolves to the password of its administrator. */
async function started() {
  for await (const line of createInterface({ input: server.stdout })) {
    const [, password] = /with the password: (.+)$/.exec(line) ?? [];
    if (password) return password;
  }
  throw new Error('The service ended before it printed the password of the demo organization.');
}
