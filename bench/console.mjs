// The console in Chromium, on the database with many users: how long the lists take to show their first row, with a
// processor that is slowed down, and how long the box that finds takes from Enter to the right page.
import { chromium } from 'playwright-core';
import { emailAddress, groupId, groupsFor, namesInOrder, userId } from './dataset.mjs';
import { accessPath, BROWSER } from './jobs.mjs';
import { percentile } from './rounds.mjs';

/** How many times slower the processor is for the lists. */
const SLOWDOWN = 4;
const LISTS_TIMES = 5;
const LOOKUP_TIMES = 20;
const PAGE_SIZE = 50;
const DEEP_PAGE = 10_000;
/** The page writes here when it has shown its first row. */
const WATCH_ROWS = `{
  const look = () => document.querySelector('tbody th') ? (window.firstRowAt = performance.now()) : requestAnimationFrame(look);
  requestAnimationFrame(look);
}`;

/**
 * @param {import('./contestants.mjs').Server & { bearer: string, addAdministrator: () => Promise<object> }} server
 * @returns {Promise<{ lists: Record<string, number[]>, lookups: number[] }>} milliseconds
 */
export async function measureConsole(server, say) {
  const administrator = await server.addAdministrator();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const lists = {};
    for (const [name, path] of Object.entries(listsOf(server))) {
      lists[name] = [];
      for (let time = 0; time < LISTS_TIMES; time++)
        lists[name].push(await firstRow(browser, server, administrator, path));
      say(`${name}: first row after ${lists[name].map(Math.round).join(', ')} ms`);
    }
    return { lists, lookups: await lookUps(browser, server, administrator, say) };
  } finally {
    await browser.close();
  }
}

function listsOf({ users }) {
  const after = (DEEP_PAGE - 1) * PAGE_SIZE;
  const names = namesInOrder(users);
  const [name, number] = names[Math.min(after, names.length) - 1];
  return {
    'people, page 1': '/people',
    'people, page 10,000': `/people?from=${Buffer.from(`${userId(number)} ${name}`).toString('base64url')}`,
    'groups, page 1': '/groups',
  };
}

/** A browser of its own, which has loaded nothing yet. */
async function open(browser, { url }, { cookie }) {
  const context = await browser.newContext({ locale: 'en' });
  await context.addCookies([{ name: 'latchkey_console', value: cookie, url, httpOnly: true, sameSite: 'Lax' }]);
  return context.newPage();
}

async function firstRow(browser, server, administrator, path) {
  const page = await open(browser, server, administrator);
  const devTools = await page.context().newCDPSession(page);
  await devTools.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
  await page.addInitScript(WATCH_ROWS);
  await page.goto(`${server.url}/console${path}`);
  // Looking for a role would take the page's own time.
  await page.locator('tbody th').first().waitFor();
  const at = await page.evaluate('window.firstRowAt');
  await page.context().close();
  return at;
}

async function lookUps(browser, server, administrator, say) {
  const page = await open(browser, server, administrator);
  await page.goto(`${server.url}/console/account`);
  const all = [];
  for (const [kind, [pasted, path]] of Object.entries(await kindsOf(server, administrator))) {
    const took = [];
    for (let time = 0; time < LOOKUP_TIMES; time++) took.push(await lookUp(page, pasted, path));
    say(
      `${kind}: ${Math.round(percentile(took, 50))} and ${Math.round(percentile(took, 95))} ms (median, 95th percentile)`,
    );
    all.push(...took);
  }
  return all;
}

/** Milliseconds from Enter after a pasted text until the address is that of its page, and the box is closed. */
async function lookUp(page, pasted, path) {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'ID or name' }).waitFor();
  await page.evaluate(`{
    window.arrived = undefined;
    addEventListener('keydown', ({ key, timeStamp }) => {
      if (key !== 'Enter') return;
      const look = () => location.pathname.startsWith('/console${path}') && !document.querySelector('[role=dialog]')
        ? (window.arrived = performance.now() - timeStamp) : requestAnimationFrame(look);
      look();
    }, { capture: true, once: true });
  }`);
  await page.keyboard.insertText(pasted);
  await page.keyboard.press('Enter');
  let took;
  while ((took = await page.evaluate('window.arrived')) === undefined);
  // A new document, because what was found before is kept in one for some seconds.
  await page.goto(new URL('/console/account', page.url()).href);
  await page.getByRole('button', { name: 'Find' }).waitFor();
  return took;
}

async function kindsOf({ url, bearer, users }, { client, serviceAccount }) {
  const person = userId(1);
  const headers = { authorization: `Bearer ${bearer}` };
  const issue = async () => (await (await fetch(url + accessPath(1), { headers })).json()).token;
  const [started, token] = [await issue(), await issue()];
  await fetch(`${url}/login?token=${started}`, { headers: BROWSER, redirect: 'manual' });
  return {
    'user ID': [userId(users - 1), `/people/${userId(users - 1)}`],
    'e-mail address': [emailAddress(7), `/people/${userId(7)}`],
    'third-party ID': ['LMS$4711', `/people/${userId(0)}`],
    'group ID': [groupId(3), `/groups/${groupId(3)}`],
    'reference of a group': ['R-0', `/groups/${groupId(0)}`],
    'name of a group': [`Class ${groupsFor(users) - 1}`, '/groups/'],
    'client ID': [client, `/clients/${client}`],
    'service account': [serviceAccount, `/service-accounts/${serviceAccount}`],
    session: [jtiOf(started), `/people/${person}`],
    'login token': [jtiOf(token), `/people/${person}`],
  };
}

function jtiOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).jti;
}
