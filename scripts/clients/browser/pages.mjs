// The pages of both servers in a real browser: consent, login and the way back to the client, and all
// that a person can open there besides.
//
// usage: MCP_URL=http://localhost:3232/mcp node pages.mjs
//
// CHOOSER_ISSUER names an authorization server with two identity providers, one of which is away.
// Every page is seen narrow and wide, light and dark, with JavaScript and without, and must show no
// error, have a strict policy and break it nowhere, need no sideways scrolling and have no accessibility violation that axe
// finds. Screenshots go to target/screenshots (or SCREENSHOTS).

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

import { assert, check, close } from '../typescript/checks.mjs';

if (process.argv.includes('--help')) {
  console.log('usage: MCP_URL=http://localhost:3232/mcp node pages.mjs');
  console.log('Needs Chromium: CHROMIUM names the program, else it is looked for in PATH.');
  process.exit(0);
}

const MCP_URL = process.env.MCP_URL ?? 'http://localhost:3232/mcp';
const SHOTS =
  process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../target/screenshots', import.meta.url));
const NARROW = { width: 400, height: 800 };
const WIDE = { width: 1280, height: 800 };
const LOOKS = [
  { name: '400-light', viewport: NARROW, colorScheme: 'light' },
  { name: '400-dark', viewport: NARROW, colorScheme: 'dark' },
  { name: '1280-light', viewport: WIDE, colorScheme: 'light' },
  { name: '1280-dark', viewport: WIDE, colorScheme: 'dark' },
  { name: '400-no-script', viewport: NARROW, colorScheme: 'light', javaScriptEnabled: false },
];
const CHOOSER = process.env.CHOOSER_ISSUER;
const USERNAME = process.env.DEMO_USERNAME ?? 'alice';
const PASSWORD = process.env.DEMO_PASSWORD ?? 'wonderland';
const CONTINUES = /approve|allow|accept|authori[sz]e/i;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const REFUSES = /deny|cancel|refuse/i;

mkdirSync(SHOTS, { recursive: true });
const listener = await listen();
const world = await discover();
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  for (const look of LOOKS) {
    await check(`${look.name}: consent, login, and back to the client`, () => logIn(look));
    await check(`${look.name}: the page of the MCP server`, () => visit(look, world.origin, 'splash'));
    await check(`${look.name}: the page of the authorization server`, () => visit(look, world.issuer, 'home'));
    await check(`${look.name}: connected apps, and logging out`, () => account(look));
    await check(`${look.name}: a device`, () => device(look));
    if (CHOOSER) await check(`${look.name}: several identity providers`, () => choose(look));
  }
  await check('a person can deny', () => deny(LOOKS[0]));
  await check('a wrong password is told, and can be corrected', () => mistype(LOOKS[0]));
  await check('with the keyboard alone', () => keyboard(LOOKS[2]));
  await check('a broken authorization request is explained', () => broken(LOOKS[0]));
} finally {
  await browser.close();
  listener.server.close();
  listener.server.closeAllConnections();
}
close();

// --- What a person does --------------------------------------------------------------------------

async function logIn(look) {
  await withPage(look, async (page) => {
    const { url, state } = authorizationUrl();
    await page.goto(url);
    await consider(page, `consent-${look.name}`, look.javaScriptEnabled);
    await sayWhoAsks(page);
    await button(page, CONTINUES).click();
    await page.locator('input[type=password]').waitFor();
    await consider(page, `login-${look.name}`, look.javaScriptEnabled);
    await signIn(page);
    await arrive(page, { state, iss: world.issuer });
    assert.ok(arrived(page).get('code'));
  });
}

/** Once with nobody, then with one application, then with none, and out again. */
async function account(look) {
  const script = look.javaScriptEnabled;
  await withPage(look, async (page) => {
    await page.goto(authorizationUrl().url);
    await passThrough(page);
    await page.goto(authorizationUrl().url);
    await consider(page, `consent-known-${look.name}`, script);
    await page.goto(`${world.issuer}/apps`);
    await consider(page, `apps-${look.name}`, script);
    for (const part of ['mcp', MCP_URL]) await page.getByText(part, { exact: true }).first().waitFor();
    while (await button(page, /remove access/i).count()) {
      await button(page, /remove access/i).click();
      await page.getByRole('status').waitFor();
    }
    await consider(page, `apps-none-${look.name}`, script);
    await page.goto(`${world.issuer}/logout`);
    await consider(page, `logout-${look.name}`, script);
    await button(page, /log out/i).click();
    await page.getByRole('status').waitFor();
    await consider(page, `logged-out-${look.name}`, script);
  });
}

/** A wrong code, the right one, consent, and the end. */
async function device(look) {
  const script = look.javaScriptEnabled;
  await withPage(look, async (page) => {
    const told = await json(`${world.issuer}/device_authorization`, new URLSearchParams({ client_id: world.clientId }));
    await page.goto(told.verification_uri);
    await page.locator('#user_code').fill('BCDF-GHJK');
    await button(page, /continue/i).click();
    await page.getByRole('alert').waitFor();
    await consider(page, `device-wrong-${look.name}`, script);
    await page.goto(told.verification_uri_complete);
    await consider(page, `device-${look.name}`, script);
    await button(page, /continue/i).click();
    await button(page, CONTINUES).waitFor();
    await consider(page, `device-consent-${look.name}`, script);
    await button(page, CONTINUES).click();
    await signIn(page);
    await page.getByRole('status').waitFor();
    await consider(page, `device-done-${look.name}`, script);
  }, { refusals: true });
}

async function choose(look) {
  await withPage(look, async (page) => {
    const issuer = { ...world, issuer: CHOOSER, endpoint: `${CHOOSER}/authorize`, clientId: (await register(CHOOSER)).client_id };
    await page.goto(authorizationUrl(issuer).url);
    await button(page, CONTINUES).click();
    await consider(page, `chooser-${look.name}`, look.javaScriptEnabled);
    await button(page, /company/i).click();
    await page.getByRole('alert').waitFor();
    await consider(page, `away-${look.name}`, look.javaScriptEnabled);
  }, { refusals: true });
}

/** Consent and login, as fast as one can. */
async function passThrough(page) {
  await button(page, CONTINUES).click();
  await signIn(page);
  await arrive(page, { iss: world.issuer });
}

async function signIn(page) {
  await page.locator('input[type=password]').waitFor();
  await fillIn(page);
  await page.locator('form:has(input[type=password]) button').first().click();
}

async function deny(look) {
  await withPage(look, async (page) => {
    const { url, state } = authorizationUrl();
    await page.goto(url);
    await button(page, REFUSES).click();
    await arrive(page, { state, iss: world.issuer, error: 'access_denied' });
  });
}

async function mistype(look) {
  await withPage(look, async (page) => {
    await page.goto(authorizationUrl().url);
    await button(page, CONTINUES).click();
    await fillIn(page, 'not the password');
    await page.keyboard.press('Enter');
    await page.locator('[role=alert]').waitFor();
    await consider(page, 'login-mistyped');
    await fillIn(page);
    await page.keyboard.press('Enter');
    await arrive(page, { iss: world.issuer });
  }, { refusals: true });
}

async function keyboard(look) {
  await withPage(look, async (page) => {
    await page.goto(authorizationUrl().url);
    await tabTo(page, (element) => element.matches('button, [type=submit]'), CONTINUES);
    await page.keyboard.press('Enter');
    await page.locator('input[type=password]').waitFor();
    await tabTo(page, (element) => element.matches('[name=username]'));
    await page.keyboard.press('ArrowDown');
    await tabTo(page, (element) => element.matches('[type=password]'));
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await arrive(page, { iss: world.issuer });
  });
}

async function broken(look) {
  await withPage(look, async (page) => {
    const url = new URL(authorizationUrl().url);
    url.searchParams.set('client_id', 'nobody');
    const response = await page.goto(url.href);
    assert.equal(response.status(), 400);
    await consider(page, 'broken-request');
  }, { refusals: true });
}

async function visit(look, url, name) {
  await withPage(look, async (page) => {
    const response = await page.goto(url);
    assert.equal(response.status(), 200);
    await consider(page, `${name}-${look.name}`, look.javaScriptEnabled);
  });
}

/** The consent page must say who asks, where the answer goes, and for what. */
async function sayWhoAsks(page) {
  const said = await page.locator('body').innerText();
  for (const part of [world.clientName, '127.0.0.1', 'mcp']) assert.ok(said.includes(part), `${part} in ${said}`);
}

async function fillIn(page, wrong) {
  await page.locator(`input[name=username][value=${USERNAME}]`).check();
  await page.locator('input[type=password]').fill(wrong ?? PASSWORD);
}

function button(page, name) {
  return page.getByRole('button', { name }).first();
}

async function tabTo(page, wanted, name = /(?:)/) {
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab');
    const focus = page.locator(':focus');
    if ((await focus.count()) && (await focus.evaluate(wanted)) && name.test(await focus.innerText())) return;
  }
  assert.fail('it cannot be reached with the Tab key');
}

// --- What must be true of every page -------------------------------------------------------------

async function withPage({ viewport, colorScheme, javaScriptEnabled = true }, run, { refusals = false } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled });
  const complaints = [];
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    // Chromium logs every answer of 400 and above, also where one is expected.
    const expected = refusals && /Failed to load resource/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !expected) complaints.push(message.text());
  });
  page.on('response', (response) => complaints.push(...looseness(response)));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`));
  try {
    await run(page);
    assert.deepEqual(complaints, []);
  } catch (error) {
    error.message += `\nat ${page.url()}; the browser says: ${JSON.stringify(complaints)}`;
    throw error;
  } finally {
    await context.close();
  }
}

/** What is wrong with the policy of a page of the authorization server. */
function looseness(response) {
  const { 'content-type': type = '', 'content-security-policy': policy = '', ...headers } = response.headers();
  const ours = [world.issuer, CHOOSER].includes(new URL(response.url()).origin);
  if (!ours || !type.startsWith('text/html')) return [];
  const wanted = ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"];
  const wrong = wanted.filter((part) => !policy.includes(part)).map((part) => `no ${part}`);
  if (/unsafe|script-src|form-action/.test(policy)) wrong.push(`loose: ${policy}`);
  if (headers['x-frame-options'] !== 'DENY') wrong.push('can be framed');
  if (!/no-store/.test(headers['cache-control']) && new URL(response.url()).pathname !== '/') wrong.push('is kept');
  return wrong.map((text) => `${response.url()}: ${text}`);
}

async function consider(page, name, javaScript = true) {
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
  const facts = await page.evaluate(() => {
    const root = document.documentElement;
    const fields = [...document.querySelectorAll('input:not([type=hidden]):not([type=submit]), select, textarea')];
    return {
      sideways: root.scrollWidth - root.clientWidth,
      language: root.lang,
      title: document.title,
      headings: document.querySelectorAll('h1').length,
      unlabelled: fields.filter((field) => !field.labels?.length).map((field) => field.name),
      viewport: document.querySelector('meta[name=viewport]') !== null,
    };
  });
  assert.equal(facts.sideways, 0, 'it scrolls sideways');
  assert.ok(facts.language && facts.title && facts.viewport, JSON.stringify(facts));
  assert.equal(facts.headings, 1, 'one first heading');
  assert.deepEqual(facts.unlabelled, [], 'fields without a label');
  // axe needs timers, which do not run in a page without JavaScript.
  if (!javaScript) return;
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run());
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
  assert.deepEqual(told, [], 'accessibility');
}

async function arrive(page, expected) {
  await page.waitForURL((url) => url.href.startsWith(listener.url));
  for (const [name, value] of Object.entries(expected)) assert.equal(arrived(page).get(name), value, name);
}

function arrived(page) {
  return new URL(page.url()).searchParams;
}

// --- The world -----------------------------------------------------------------------------------

/** The client's side of the redirect. */
async function listen() {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><title>Done</title><link rel=icon href="data:,"><p>You can close this window.');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}/callback` };
}

async function discover() {
  const origin = new URL(MCP_URL).origin;
  const resource = await json(`${origin}/.well-known/oauth-protected-resource/mcp`);
  const issuer = resource.authorization_servers[0];
  const metadata = await json(`${issuer}/.well-known/oauth-authorization-server`);
  const { client_id: clientId, client_name: clientName } = await register(issuer);
  return { origin, issuer, clientName, clientId, endpoint: metadata.authorization_endpoint };
}

function register(issuer) {
  return json(`${issuer}/register`, {
    client_name: 'A client with quite a long name, as people give them',
    redirect_uris: [listener.url],
    grant_types: ['authorization_code', DEVICE_GRANT],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  });
}

async function json(url, body) {
  const isForm = body instanceof URLSearchParams;
  const headers = isForm ? {} : { 'content-type': 'application/json' };
  const post = { method: 'POST', headers, body: isForm ? body : JSON.stringify(body) };
  const response = await fetch(url, { ...(body && post), signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${response.status} from ${url}: ${await response.text()}`);
  return response.json();
}

function authorizationUrl({ endpoint, clientId } = world) {
  const state = randomBytes(16).toString('hex');
  const challenge = createHash('sha256').update(randomBytes(32).toString('hex')).digest('base64url');
  const url = new URL(endpoint);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: listener.url,
    state,
    scope: 'mcp',
    ...(endpoint === world.endpoint && { resource: MCP_URL }),
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  return { url: url.href, state };
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
