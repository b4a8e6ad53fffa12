// The flow page in a real browser: what the playground does in one tab is drawn in another.
//
// usage: MCP_OPEN_URL=http://localhost:3232/mcp node flow.mjs
//
// The server asks nobody to log in, and MCP_FLOW is on, as in plain `cargo run`.
// Screenshots go to target/screenshots (or SCREENSHOTS).

import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

import { assert, check, close } from '../typescript/checks.mjs';

if (process.argv.includes('--help')) {
  console.log('usage: MCP_OPEN_URL=http://localhost:3232/mcp node flow.mjs');
  process.exit(0);
}

const BASE = process.env.MCP_OPEN_URL ?? 'http://localhost:3232/mcp';
const SHOTS =
  process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../target/screenshots', import.meta.url));
const LOOKS = [
  ['400-light', { width: 400, height: 800 }, 'light'],
  ['400-dark', { width: 400, height: 800 }, 'dark'],
  ['1280-light', { width: 1280, height: 800 }, 'light'],
  ['1280-dark', { width: 1280, height: 800 }, 'dark'],
];

mkdirSync(SHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--no-first-run'],
});
try {
  const context = await browser.newContext({ viewport: LOOKS[2][1] });
  const complaints = [];
  const [flow, play] = [await context.newPage(), await context.newPage()];
  for (const page of [flow, play]) {
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
  }
  await check('the page is connected, and says that nothing has happened', () => connects(flow));
  for (const revision of ['2026-07-28', '2025-11-25']) {
    await check(`${revision}: a call and its question are drawn`, () => draws(flow, play, revision));
  }
  await check('a message can be chosen, and what belongs to it is marked', () => chooses(flow));
  await check('what a client has sent can be sent again by hand', () => sendsAgain(flow));
  await check('what is wanted is what is shown', () => filters(flow));
  await check('paused, nothing moves', () => pauses(flow, play));
  await check('a file that was saved is drawn again', () => savesAndOpens(flow));
  await check('what happens to an instance is drawn on its line', () => tells(flow));
  await check('what has happened is gone through step by step', () => steps(flow));
  await check('what is away is said, until it is back', () => troubled(flow));
  await check('it looks right and can be read', () => looks(flow));
  await check('the browser has nothing to complain about', () => assert.deepEqual(complaints, []));
} finally {
  await browser.close();
}
close();

function hops(page, text) {
  return page.locator('#hops .hop', { hasText: text });
}

async function connects(flow) {
  await flow.goto(new URL('/flow', BASE).href);
  await flow.locator('#status', { hasText: 'Live' }).waitFor();
  assert.ok(await flow.locator('#empty').isVisible());
}

async function draws(flow, play, revision) {
  await play.goto(new URL('/playground', BASE).href);
  await play.locator('#revision').selectOption(revision);
  await play.locator('#connect').click();
  await play.locator('#status', { hasText: `revision ${revision}` }).waitFor();
  await play.locator('#items').getByRole('button', { name: 'elicitation-request', exact: true }).click();
  await play.locator('#detail button[type=submit]').click();
  await play.locator('dialog input[name=name]').fill('Alice Liddell');
  await play.locator('dialog button[type=submit]').click();
  await play.locator('.result pre').first().waitFor();
  await hops(flow, 'tools/call elicitation-request').first().waitFor();
  const question = revision === '2026-07-28' ? 'result: input_required' : 'elicitation/create';
  await hops(flow, question).first().waitFor();
  assert.ok(!(await flow.content()).includes('Liddell'), 'what was said is not shown');
  if (revision !== '2026-07-28') await hops(flow, 'toserver').nth(1).waitFor();
}

async function chooses(flow) {
  await hops(flow, 'elicitation/create').first().click();
  const told = JSON.parse(await flow.locator('#text').innerText());
  assert.equal(told.kind, 'question');
  assert.equal(told.session.length, 8);
  // The question, the answer, and its way over the store.
  await flow.locator('#hops .together').nth(2).waitFor();
}

async function sendsAgain(flow) {
  await hops(flow, 'server/discover').first().click();
  const told = JSON.parse(await flow.locator('#text').innerText());
  assert.match(told.request, /^[0-9a-f]{32}$/);
  const command = await flow.locator('#command').innerText();
  const answer = execFileSync('bash', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  assert.ok(JSON.parse(answer).result.supportedVersions.includes('2026-07-28'), answer);
  await hops(flow, 'result: complete').first().click();
  assert.ok(!(await flow.locator('#again').isVisible()), 'an answer is not sent by hand');
}

async function filters(flow) {
  await flow.locator('#words').fill('tools/call');
  await flow.locator('#status', { hasText: /Live · [1-9]\d* of/ }).waitFor();
  await hops(flow, 'server/discover').first().waitFor({ state: 'detached' });
  await flow.locator('#words').fill('');
  await flow.locator('#crossing').check();
  await flow.locator('#status', { hasText: 'Live · 0 of' }).waitFor();
  await flow.locator('#crossing').uncheck();
  await flow.locator('#kept').uncheck();
  await hops(flow, 'toserver').first().waitFor({ state: 'detached' });
  await flow.locator('#kept').check();
}

async function pauses(flow, play) {
  await flow.locator('#pause').click();
  const before = await flow.locator('#hops .hop').count();
  await play.locator('#connect').click();
  await play.locator('#status', { hasText: 'Connected' }).waitFor();
  assert.equal(await flow.locator('#hops .hop').count(), before);
}

async function savesAndOpens(flow) {
  const path = await saved(flow);
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  assert.ok(lines.length > 10 && lines.every((line) => JSON.parse(line).what));
  await flow.locator('#clear').click();
  await flow.locator('#empty').waitFor();
  await flow.locator('#open').setInputFiles(path);
  await flow.locator('#status', { hasText: `${lines.length} of ${lines.length}` }).waitFor();
}

async function tells(flow) {
  const at = Date.now();
  const state = (what, more) => ({ at, from: 'instance', to: 'instance', kind: 'state', what, instance: 'beef', ...more });
  const hops = [state('is asked to end'), state('does not reach the authorization server: 503', { failed: true })];
  const drawn = await flow.locator('#hops .hop').count();
  const buffer = Buffer.from(hops.map((hop) => JSON.stringify(hop)).join('\n'));
  const before = await saved(flow);
  await flow.locator('#open').setInputFiles({ name: 'state.ndjson', mimeType: 'application/x-ndjson', buffer });
  await flow.locator('#status', { hasText: '2 of 2' }).waitFor();
  const marks = flow.locator('#hops .state .mark');
  assert.equal(await marks.count(), 2);
  const [mark, lane] = [await marks.first().boundingBox(), await flow.locator('#lanes > span').nth(1).boundingBox()];
  const middle = ({ x, width }) => x + width / 2;
  assert.ok(Math.abs(middle(mark) - middle(lane)) < 8, `${JSON.stringify(mark)} in ${JSON.stringify(lane)}`);
  assert.match(await flow.locator('#hops .failed .what').textContent(), /, at instance beef$/);
  await flow.screenshot({ path: join(SHOTS, 'flow-states.png'), fullPage: true });
  await flow.locator('#open').setInputFiles(before);
  await flow.locator('#status', { hasText: `${drawn} of ${drawn}` }).waitFor();
}

async function saved(flow) {
  const [file] = await Promise.all([flow.waitForEvent('download'), flow.locator('#save').click()]);
  return file.path();
}

async function steps(flow) {
  await flow.locator('#scrub').focus();
  for (const [key, shown] of [['Home', 1], ['ArrowRight', 2], ['ArrowLeft', 1]]) {
    await flow.keyboard.press(key);
    await flow.locator('#status', { hasText: new RegExp(`· ${shown} of .* up to `) }).waitFor();
    assert.equal(await flow.locator('#hops .hop').count(), shown);
  }
  await flow.keyboard.press('End');
  await flow.locator('#status', { hasNotText: 'up to' }).waitFor();
}

async function troubled(flow) {
  const services = { mcp: 'operational', auth: 'unavailable', redis: 'unavailable' };
  await flow.route('**/health', (route) => route.fulfill({ json: { status: 'degraded', services } }));
  await flow.locator('#trouble', { hasText: /Redis .*, the authorization server does not answer/ }).waitFor();
  await flow.unroute('**/health');
  await flow.locator('#trouble').waitFor({ state: 'hidden' });
}

async function looks(flow) {
  await flow.locator('#hops .hop').first().focus();
  await flow.keyboard.press('ArrowDown');
  await flow.keyboard.press('Enter');
  await flow.locator('#detail').waitFor();
  for (const [name, viewport, colorScheme] of LOOKS) {
    await flow.setViewportSize(viewport);
    await flow.emulateMedia({ colorScheme });
    await flow.screenshot({ path: join(SHOTS, `flow-${name}.png`), fullPage: true });
    const size = await flow.evaluate(() => [document.documentElement.scrollWidth - innerWidth, document.body.scrollHeight]);
    assert.ok(size[0] <= 0, `it scrolls sideways at ${name}`);
    assert.ok(size[1] < 3000, `what is out of sight makes the page longer at ${name}`);
    await flow.evaluate(axe.source);
    const { violations } = await flow.evaluate(() => window.axe.run());
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
    assert.deepEqual(told, [], `accessibility at ${name}`);
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
