// The pages of MCP Apps in a real browser, in a frame as a host would put them in.
//
// usage: MCP_OPEN_URL=http://localhost:3232/mcp node apps.mjs
//
// The server must run with MCP_AUTH=none. Each app is seen narrow and wide, light and dark; it must
// meet the host, show what its tool gave, ask the server again, break no policy, need no sideways
// scrolling and have no accessibility violation that axe finds. Screenshots go to
// target/screenshots (or SCREENSHOTS).

import { once } from 'node:events';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

import { assert, check, close } from '../typescript/checks.mjs';

if (process.argv.includes('--help')) {
  console.log('usage: MCP_OPEN_URL=http://localhost:3232/mcp node apps.mjs');
  process.exit(0);
}

const MCP_URL = process.env.MCP_OPEN_URL ?? 'http://localhost:3232/mcp';
const SHOTS =
  process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../target/screenshots', import.meta.url));
const REVISION = '2026-07-28';
const EXTENSION = 'io.modelcontextprotocol/ui';
const MIME_TYPE = 'text/html;profile=mcp-app';
const LOOKS = [
  { name: '400-light', width: 400, theme: 'light' },
  { name: '400-dark', width: 400, theme: 'dark' },
  { name: '900-light', width: 900, theme: 'light' },
  { name: '900-dark', width: 900, theme: 'dark' },
];
const APPS = [
  { tool: 'mcp_apps_hello_world', shown: '#count', again: '#again' },
  { tool: 'mcp_apps_live_state', shown: '#rows tr', again: '#pause' },
];
// What a host lets a frame do that declares no other place (MCP Apps, Host behavior).
const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'none'";

mkdirSync(SHOTS, { recursive: true });
const pages = new Map();
const server = createServer((request, response) => {
  const page = pages.get(request.url);
  response.writeHead(page ? 200 : 404, {
    'content-type': 'text/html; charset=utf-8',
    ...(page?.policy && { 'content-security-policy': page.policy }),
  });
  response.end(page?.html);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--no-first-run'],
});
try {
  await check('the server declares the extension', declares);
  for (const app of APPS) {
    for (const look of LOOKS) {
      await check(`${app.tool}, ${look.name}`, () => visit(app, look));
    }
  }
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
close();

// --- The server ----------------------------------------------------------------------------------

async function mcp(method, params = {}, name = undefined) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'apps.mjs', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {
      extensions: { [EXTENSION]: { mimeTypes: [MIME_TYPE] } },
    },
  };
  const response = await fetch(MCP_URL, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': REVISION,
      'mcp-method': method,
      ...(name && { 'mcp-name': name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }),
  });
  const answer = await response.json();
  assert.ok(answer.result, JSON.stringify(answer));
  return answer.result;
}

async function declares() {
  const { capabilities } = await mcp('server/discover');
  assert.deepEqual(capabilities.extensions[EXTENSION], {});
}

// --- The host ------------------------------------------------------------------------------------

async function visit(app, look) {
  const { tools } = await mcp('tools/list');
  const uri = tools.find(({ name }) => name === app.tool)._meta.ui.resourceUri;
  const { contents } = await mcp('resources/read', { uri }, uri);
  assert.equal(contents[0].mimeType, MIME_TYPE);
  assert.deepEqual(contents[0]._meta.ui.csp.connectDomains, []);
  pages.set('/app', { html: contents[0].text, policy: POLICY });
  pages.set('/', { html: hostPage(look.theme) });
  const page = await browser.newPage({
    viewport: { width: look.width, height: 700 },
    colorScheme: look.theme,
  });
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  let calls = 0;
  await page.exposeFunction('callTool', async (name, args) => {
    calls += 1;
    return mcp('tools/call', { name, arguments: args }, name);
  });
  await page.exposeFunction('firstResult', () => mcp('tools/call', { name: app.tool, arguments: {} }, app.tool));
  try {
    await page.goto(origin);
    const frame = page.frameLocator('iframe');
    await frame.locator(app.shown).first().waitFor();
    await uses(app, frame, () => calls);
    const inner = page.frames()[1];
    await fits(inner);
    await accessible(inner);
    await page.screenshot({ path: join(SHOTS, `${app.tool}-${look.name}.png`) });
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
  }
}

// Asks the server again through the page: with its button, or by waiting while it looks.
async function uses(app, frame, calls) {
  const button = frame.locator(app.again);
  if (app.tool === 'mcp_apps_hello_world') {
    const before = await frame.locator('#count').innerText();
    await button.click();
    await frame.locator('#again:enabled').waitFor();
    assert.notEqual(await frame.locator('#count').innerText(), before);
    return;
  }
  await frame.locator('#rate', { hasNotText: '–' }).waitFor({ timeout: 10_000 });
  assert.ok(calls() > 0);
  await button.click();
  assert.equal(await button.getAttribute('aria-pressed'), 'true');
  await button.click();
  assert.equal(await button.getAttribute('aria-pressed'), 'false');
}

async function fits(frame) {
  const sideways = await frame.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.ok(sideways <= 0, `it needs sideways scrolling by ${sideways} pixels`);
}

// The frame's policy lets no script in, so axe is put there from outside.
async function accessible(frame) {
  await frame.evaluate(axe.source);
  const { violations } = await frame.evaluate(() => globalThis.axe.run());
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(told, []);
}

function hostPage(theme) {
  return `<!DOCTYPE html><html lang="en"><title>Host</title><link rel="icon" href="data:,">
<style>body{margin:0;color-scheme:${theme}}iframe{border:0;width:100%;height:690px;display:block}</style>
<iframe src="/app" sandbox="allow-scripts" title="App"></iframe>
<script>
const frame = document.querySelector('iframe');
const send = (message) => frame.contentWindow.postMessage({ jsonrpc: '2.0', ...message }, '*');
const handlers = {
  'ui/initialize': async ({ protocolVersion }) => ({
    protocolVersion,
    hostInfo: { name: 'apps.mjs', version: '1' },
    hostCapabilities: { serverTools: {} },
    hostContext: { theme: '${theme}', displayMode: 'inline' },
  }),
  'tools/call': ({ name, arguments: args }) => window.callTool(name, args),
};
window.addEventListener('message', async ({ source, data: { id, method, params } }) => {
  if (source !== frame.contentWindow) return;
  if (method === 'ui/notifications/initialized') {
    send({ method: 'ui/notifications/tool-input', params: { arguments: {} } });
    send({ method: 'ui/notifications/tool-result', params: await window.firstResult() });
  } else if (id !== undefined) {
    send({ id, result: await handlers[method](params) });
  }
});
</script></html>`;
}

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not there.
      }
    }
  }
  throw new Error('no Chromium in PATH; set CHROMIUM to one');
}
