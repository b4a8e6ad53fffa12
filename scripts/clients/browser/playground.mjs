// The playground in a real browser, as a person uses it: log in, call, answer, watch, in both eras.
//
// usage: MCP_URL=http://localhost:3232/mcp node playground.mjs
//
// Screenshots go to target/screenshots (or SCREENSHOTS).

import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

import { assert, check, close } from '../typescript/checks.mjs';

if (process.argv.includes('--help')) {
  console.log('usage: MCP_URL=http://localhost:3232/mcp node playground.mjs');
  process.exit(0);
}

const MCP_URL = process.env.MCP_URL ?? 'http://localhost:3232/mcp';
const PAGE = new URL('/playground', MCP_URL).href;
const SHOTS =
  process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../target/screenshots', import.meta.url));
const USERNAME = process.env.DEMO_USERNAME ?? 'alice';
const PASSWORD = process.env.DEMO_PASSWORD ?? 'wonderland';
const NARROW = { width: 400, height: 800 };
const WIDE = { width: 1280, height: 800 };
const ERAS = [
  { revision: '2026-07-28', looks: [['400-light', NARROW, 'light'], ['1280-light', WIDE, 'light']] },
  { revision: '2025-11-25', looks: [['400-dark', NARROW, 'dark'], ['1280-dark', WIDE, 'dark']] },
];

mkdirSync(SHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--no-first-run'],
});
try {
  for (const { revision, looks } of ERAS) {
    const { page, context, complaints } = await open();
    const step = (name, run) => check(`${revision}: ${name}`, () => run(page, revision, looks));
    await step('log in, and come back to the page', logIn);
    await step('a tool with a form from its schema', callAdd);
    await step('progress', callLong);
    await step('the form of an elicitation', fillIn);
    await step('the page of an elicitation', visitPage);
    await step('a person answers as the model', sample);
    await step('a resource, a template and a prompt', readAndGet);
    await step('what the server says by itself', listen);
    await step('the raw messages, without the token', watchMessages);
    if (revision === '2025-11-25') await step('a stream that is cut goes on', cutStream);
    await step('a call that is cancelled says so', cancel);
    await step('a call that goes on as a task', followTask);
    await step('it stays logged in over a reload, until the log-out', reload);
    await check(`${revision}: the browser has nothing to complain about`, () => assert.deepEqual(complaints, []));
    await context.close();
  }
  await check('a log-in that is refused is told', refuse);
} finally {
  await browser.close();
}
close();

async function open() {
  const context = await browser.newContext({ viewport: WIDE });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  page.on('console', (message) => {
    // Chromium logs every answer of 400 and above; the first is the challenge.
    const expected = /Failed to load resource.*40[13]/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !expected) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { page, context, complaints };
}

// --- What a person does --------------------------------------------------------------------------

async function logIn(page, revision) {
  await page.goto(PAGE);
  await page.locator('#status', { hasText: 'Not connected.' }).waitFor();
  await page.locator('#revision').selectOption(revision);
  await page.locator('#connect').click();
  await page.locator('#login').click();
  await page.getByRole('button', { name: /approve|allow|accept|authori[sz]e/i }).first().click();
  await page.locator(`input[name=username][value=${USERNAME}]`).check();
  await page.locator('input[type=password]').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.locator('#status', { hasText: `revision ${revision}` }).waitFor();
  assert.equal(new URL(page.url()).search, '', 'the code is no longer in the URL');
  assert.equal(await page.locator('#login').isVisible(), false, 'there is nothing left to log in');
}

async function choose(page, name) {
  await page.locator('#items').getByRole('button', { name, exact: true }).click();
  await page.locator('#detail form').waitFor();
}

async function submit(page) {
  await page.locator('#detail button[type=submit]').click();
}

async function result(page, text) {
  await page.locator('.result', { hasText: text }).waitFor();
}

async function callAdd(page, revision, looks) {
  await choose(page, 'add');
  await page.locator('#detail input').nth(0).fill('2');
  await page.locator('#detail input').nth(1).fill('3');
  await submit(page);
  await result(page, '5');
  await consider(page, `playground-${revision}`, looks);
}

async function callLong(page) {
  await choose(page, 'long-running-operation');
  await page.getByLabel(/duration/i).fill('1');
  await page.getByLabel(/steps/i).fill('2');
  await submit(page);
  await page.locator('#detail progress:visible').waitFor();
  await result(page, /complete/i);
}

async function fillIn(page, revision, looks) {
  await choose(page, 'elicitation-request');
  await submit(page);
  await page.locator('dialog').waitFor();
  await consider(page, `playground-form-${revision}`, looks, false);
  await page.locator('dialog input[name=name]').fill('Alice Liddell');
  await page.locator('dialog button[type=submit]').click();
  await result(page, 'Alice Liddell');
  await submit(page);
  await page.locator('dialog').getByRole('button', { name: 'Decline' }).click();
  await result(page, /decline/i);
}

async function visitPage(page) {
  await choose(page, 'url-elicitation');
  const url = page.locator('#detail input[type=url], #detail input[name=url]').first();
  if (await url.count()) await url.fill('https://modelcontextprotocol.io/');
  await submit(page);
  const link = page.locator('dialog a[target=_blank]');
  assert.ok((await link.getAttribute('href')).startsWith('https://'));
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer');
  await page.locator('dialog button[type=submit]').click();
  await page.locator('.result pre').first().waitFor();
}

async function sample(page) {
  await choose(page, 'sampling-request');
  await page.locator('#detail input[name=prompt]').fill('What is the answer?');
  await submit(page);
  await page.locator('dialog input[name=text]').fill('It is forty-two.');
  await page.locator('dialog button[type=submit]').click();
  await result(page, 'It is forty-two.');
}

async function readAndGet(page) {
  await tab(page, 'resources');
  await page.locator('#items button').first().click();
  await submit(page);
  await page.locator('.result pre').first().waitFor();
  await tab(page, 'templates');
  await page.locator('#items button', { hasText: 'text' }).first().click();
  await page.locator('#detail input').first().fill('1');
  await submit(page);
  await page.locator('.result pre').first().waitFor();
  await tab(page, 'prompts');
  await choose(page, 'simple-prompt');
  await submit(page);
  await page.locator('.result h3', { hasText: 'user' }).waitFor();
  await tab(page, 'tools');
}

async function tab(page, kind) {
  await page.locator(`[data-kind=${kind}][aria-pressed]`).click();
  await page.locator(`#items[data-kind=${kind}]`).waitFor();
}

async function watchMessages(page, revision) {
  const titles = await page.locator('#messages summary, #messages li > p').allInnerTexts();
  const opening = revision === '2026-07-28' ? 'POST server/discover' : 'POST initialize';
  for (const part of [opening, '200', 'notifications/progress']) {
    assert.ok(titles.some((title) => title.includes(part)), `${part} in ${titles}`);
  }
  const wire = await page.locator('#messages').evaluate((list) => list.textContent);
  const kept = await page.evaluate(() => JSON.parse(sessionStorage.getItem('playground:login')));
  assert.ok(kept.tokens.access_token && !wire.includes(kept.tokens.access_token));
  assert.ok(wire.includes('mcp-protocol-version'));
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('#save').click()]);
  assert.equal(file.suggestedFilename(), 'mcp-messages.json');
}

async function cutStream(page) {
  await choose(page, 'long-running-operation');
  await page.getByLabel(/duration/i).fill('3');
  await page.getByLabel(/steps/i).fill('3');
  await submit(page);
  await page.locator('#detail progress:visible').waitFor();
  await page.getByRole('button', { name: 'Cut the stream' }).click();
  await result(page, /complete/i);
  const titles = await page.locator('#messages summary').allInnerTexts();
  assert.ok(titles.some((title) => title.includes('GET, after event')), titles.join());
}

async function listen(page, revision, looks) {
  const heard = page.locator('#heard li', { hasText: 'notifications/resources/updated' }).first();
  const uri = 'test://static/resource/1';
  await page.locator('#uris').fill(uri);
  await page.locator('#listen button[type=submit]').click();
  await page.locator('#status', { hasText: revision === '2026-07-28' ? 'Listening.' : 'Watching' }).waitFor();
  await choose(page, 'toggle-subscriber-updates');
  await submit(page);
  await page.locator('.result pre').first().waitFor();
  await heard.waitFor({ timeout: 30_000 });
  await consider(page, `playground-heard-${revision}`, looks);
  await submit(page);
  await page.locator('.result pre').first().waitFor();
  if (revision !== '2026-07-28') return;
  await page.locator('#silence').click();
  await page.locator('#status', { hasText: 'No longer listening.' }).waitFor();
}

async function followTask(page) {
  await page.locator('#tasks').check();
  await page.locator('#connect').click();
  await page.locator('#status', { hasText: 'Connected' }).waitFor();
  await choose(page, 'simulate-research-query');
  await page.locator('#detail input').first().fill('tasks');
  await submit(page);
  await page.locator('#detail', { hasText: /Task [0-9a-f]{8}…/ }).waitFor();
  await result(page, /tasks/i);
}

async function cancel(page) {
  await choose(page, 'long-running-operation');
  await page.getByLabel(/duration/i).fill('20');
  await page.getByLabel(/steps/i).fill('40');
  await submit(page);
  await page.locator('#detail progress:visible').waitFor();
  await page.locator('#detail').getByRole('button', { name: 'Cancel' }).click();
  await result(page, 'Cancelled.');
}

async function reload(page, revision) {
  await page.reload();
  await page.locator('#status', { hasText: 'Connected' }).waitFor();
  await page.locator('#logout').click();
  await page.locator('#status', { hasText: 'Logged out' }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem('playground:login')), null, revision);
}

async function refuse() {
  const { page, context } = await open();
  await page.goto(PAGE);
  await page.locator('#connect').click();
  await page.locator('#login').click();
  await page.getByRole('button', { name: /deny|cancel|refuse/i }).first().click();
  await page.locator('#status.bad', { hasText: 'Not logged in' }).waitFor();
  await page.goto(`${PAGE}?code=x&state=forged`);
  await page.locator('#status.bad', { hasText: 'no log-in of this tab' }).waitFor();
  await context.close();
}

// --- What must be true of the page ---------------------------------------------------------------

async function consider(page, name, looks, fullPage = true) {
  for (const [look, viewport, colorScheme] of looks) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(SHOTS, `${name}-${look}.png`), fullPage });
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(sideways <= 0, `it scrolls sideways at ${look}`);
    // The policy allows no script from elsewhere; the debugger may still bring one.
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => window.axe.run());
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
    assert.deepEqual(told, [], `accessibility at ${look}`);
  }
}

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    for (const directory of (process.env.PATH ?? '').split(delimiter)) {
      try {
        const path = join(directory, name);
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here; the next one.
      }
    }
  }
  throw new Error('no Chromium in PATH; install it (Debian: apt-get install chromium) or set CHROMIUM');
}
