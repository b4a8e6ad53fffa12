// The Inspector's command line: every method that it has, in both eras, over every transport, and
// with a login of its own.
//
// usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=… [MCP_URL=…] node inspector.mjs

import { assert, check, close } from '../typescript/checks.mjs';
import { fetched, freePort, modules, run } from './program.mjs';

const INSPECTOR = modules('@modelcontextprotocol/inspector/clients/launcher/build/index.js');
const OPEN_URL = process.env.MCP_OPEN_URL;
const HTTP = ['--server-url', OPEN_URL, '--transport', 'http', '--protocol-era'];
const STDIO = [process.env.MCP_SERVER ?? 'target/debug/mcp-server', 'stdio', '--protocol-era'];
const WAYS = {
  'over HTTP, legacy': [...HTTP, 'legacy'],
  'over HTTP, auto': [...HTTP, 'auto'],
  'over HTTP, modern': [...HTTP, 'modern'],
  'over stdio, legacy': [...STDIO, 'legacy'],
  'over stdio, modern': [...STDIO, 'modern'],
  'over HTTP+SSE': ['--server-url', new URL('/sse', OPEN_URL).href, '--transport', 'sse'],
};

/** A method with its arguments, and what its result must be like. */
const METHODS = [
  ['tools/list', [], ({ tools }) => tools.length > 10],
  ['tools/call', ['--tool-name', 'echo', '--tool-arg', 'message=hi'], text('Echo: hi')],
  ['tools/call', ['--tool-name', 'add', '--tool-args-json', '{"a":2,"b":3}'], text('The sum of 2 and 3 is 5.')],
  ['resources/list', [], ({ resources }) => resources.length > 5],
  ['resources/templates/list', [], ({ resourceTemplates }) => resourceTemplates.length > 1],
  ['resources/read', ['--uri', 'test://static/resource/1'], ({ contents }) => contents[0].uri === 'test://static/resource/1'],
  ['prompts/list', [], ({ prompts }) => prompts.length >= 5],
  ['prompts/get', ['--prompt-name', 'simple-prompt'], ({ messages }) => messages.length > 0],
];

for (const [name, way] of Object.entries(WAYS)) {
  for (const [method, args, right] of METHODS) {
    await check(`inspector ${name}: ${method} ${args[1] ?? ''}`, async () => {
      const { result } = await inspect([...way, '--method', method, ...args]);
      assert.ok(right(result), JSON.stringify(result).slice(0, 500));
    });
  }
}
await check('inspector: it finds no schema that another client would refuse', () =>
  inspect([...WAYS['over HTTP, modern'], '--method', 'tools/list', '--strict']));
await check('inspector: it finds the page of an app', async () => {
  const app = ['--method', 'tools/call', '--tool-name', 'mcp_apps_hello_world', '--app-info', '--advertise-apps'];
  assert.match(await said([...WAYS['over HTTP, legacy'], ...app]), /"resourceUri":"ui:\/\//);
});
if (process.env.MCP_URL) {
  await check('inspector: it is sent to log in, and comes back with a token', async () => {
    const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;
    const way = ['--server-url', process.env.MCP_URL, '--transport', 'http', '--protocol-era', 'auto'];
    const { result } = await inspect([...way, '--callback-url', callback, '--method', 'tools/list'], async (line) => {
      const url = line.match(/Please navigate to: (http\S+)/)?.[1];
      if (url) await fetched(url, callback);
    });
    assert.ok(result.tools.length > 10);
  });
}
close();

function text(expected) {
  return ({ content }) => content[0].text === expected;
}

async function inspect(args, onLine) {
  return JSON.parse((await said(args, onLine)).trim().split('\n').at(-1));
}

function said(args, onLine) {
  return run([INSPECTOR, '--cli', ...args, '--format', 'json'], { MCP_AUTO_OPEN_ENABLED: 'true' }, onLine);
}
