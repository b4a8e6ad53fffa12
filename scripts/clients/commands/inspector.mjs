// The Inspector's command line: the whole catalogue in both eras, over every transport, and a login of
// its own. It completes nothing, calls tools by the names that are listed, and cannot be asked; it
// waits for tasks of the server.
//
// usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=… [MCP_URL=…] node inspector.mjs

import { assert, check, close } from '../typescript/checks.mjs';
import { BY_OTHER_MEANS, CALLS, TASKS, differs } from '../typescript/recorded.mjs';
import { fetched, freePort, modules, run } from './program.mjs';

const INSPECTOR = modules('@modelcontextprotocol/inspector/clients/launcher/build/index.js');
const OPEN_URL = process.env.MCP_OPEN_URL;
const HTTP = ['--server-url', OPEN_URL, '--transport', 'http', '--protocol-era'];
const STDIO = [process.env.MCP_SERVER ?? 'target/debug/mcp-server', 'stdio', '--protocol-era'];
const WAYS = {
  'over HTTP, legacy': [...HTTP, 'legacy'],
  'over HTTP, modern': [...HTTP, 'modern'],
  'over stdio, legacy': [...STDIO, 'legacy'],
  'over stdio, modern': [...STDIO, 'modern'],
  'over HTTP+SSE': ['--server-url', new URL('/sse', OPEN_URL).href, '--transport', 'sse'],
};

/** Tools that ask their client, which is refused in words where it cannot be asked. */
const ASKS = ['elicitation-request', 'url-elicitation', 'sampling-request'];
const ASKING = [
  ...ASKS.map((name) => ({ ...CALLS.find(({ covers }) => covers === name).params, name })),
  ...TASKS.filter(({ question }) => question).map(({ params }) => params),
];
/** What the server makes tasks of is called like everything else. */
const WAITED_FOR = TASKS.filter(({ question }) => !question).map(({ params, expect }) => ({
  method: 'tools/call',
  covers: params.name,
  params,
  expect,
}));
/** What follows from the client, or from whether each command is a session of its own. */
const OF_ITS_OWN = {
  'get-roots-list': '~^The client supports roots but no roots are currently configured',
  'toggle-logging': '~^(Started|Stopped|Logged one message)',
  'toggle-subscriber-updates': '~^(Started|Stopped) ',
};
/** How a call is written as a command. */
const WRITTEN = {
  'tools/call': ({ covers, params }) => ['--tool-name', covers, '--tool-args-json', JSON.stringify(params.arguments ?? {})],
  'prompts/get': ({ params }) => ['--prompt-name', params.name, ...pairs('--prompt-args', params.arguments)],
  'resources/read': ({ params }) => ['--uri', params.uri],
};

// A command takes half a second to start and is started some hundred times each way: two at a time.
const ways = Object.entries(WAYS);
const lane = async () => {
  for (let next = ways.shift(); next; next = ways.shift()) {
    const [name, way] = next;
    await check(`inspector ${name}: the whole catalogue`, () => walk(way));
  }
};
await Promise.all([lane(), lane()]);
await check('inspector over HTTP, auto: all that is listed', () => lists([...HTTP, 'auto']));
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
    const { result } = await inspect([...way, '--callback-url', callback, '--method', 'tools/list'], false, async (line) => {
      const url = line.match(/Please navigate to: (http\S+)/)?.[1];
      if (url) await fetched(url, callback);
    });
    assert.ok(result.tools.length > 10);
  });
}
close();

/** Every list, every call that was recorded of what is listed, and nothing is left out. */
async function walk(way) {
  const listed = await lists(way);
  const tools = listed.tools.map(({ name }) => name);
  const calls = [...CALLS, ...WAITED_FOR].filter(
    ({ method, covers }) => WRITTEN[method] && !ASKS.includes(covers) && (method !== 'tools/call' || tools.includes(covers)),
  );
  for (const call of calls) {
    const { covers, method, params, expect } = call;
    const { result } = await inspect([...way, '--method', method, ...WRITTEN[method](call)], expect.isError);
    const text = OF_ITS_OWN[covers];
    const wrong = differs(result, text ? { content: [{ type: 'text', text }] } : expect, '');
    assert.ok(!wrong, `${method} ${JSON.stringify(params)}${wrong}`);
  }
  const asking = ASKING.filter(({ name }) => tools.includes(name));
  assert.ok(asking.length >= ASKS.length, tools.join());
  for (const { name, arguments: given = {} } of asking) {
    const refused = said([...way, '--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(given)]);
    await assert.rejects(refused, /has not declared|would have to declare/, name);
  }
  const covered = new Set([...calls.map(({ covers }) => covers), ...asking.map(({ name }) => name), ...BY_OTHER_MEANS]);
  const names = [...tools, ...listed.prompts.map(({ name }) => name)];
  names.push(...listed.resourceTemplates.map(({ uriTemplate }) => uriTemplate));
  assert.deepEqual(names.filter((name) => !covered.has(name)), []);
  // What is of a session is gone with the command that it was listed to.
  const lasting = listed.resources.filter(({ uri }) => !/^(session:|calculator:\/\/history\/)/.test(uri));
  for (const { uri } of lasting) {
    const { result } = await inspect([...way, '--method', 'resources/read', '--uri', uri]);
    assert.ok(result.contents.length > 0, uri);
  }
}

async function lists(way) {
  const all = {};
  for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
    Object.assign(all, (await inspect([...way, '--method', method])).result);
  }
  assert.ok(all.tools.length > 20 && all.prompts.length > 10 && all.resources.length >= 10, JSON.stringify(all).slice(0, 500));
  return all;
}

function pairs(flag, values = {}) {
  const written = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  return written.length > 0 ? [flag, ...written] : [];
}

/** The answer; a tool that has failed makes the command fail, which has printed it all the same. */
async function inspect(args, mayFail, onLine) {
  const out = await said(args, onLine).catch((error) => {
    if (mayFail && error.out) return error.out;
    throw error;
  });
  return JSON.parse(out.trim().split('\n').at(-1));
}

function said(args, onLine) {
  return run([INSPECTOR, '--cli', ...args, '--format', 'json'], { MCP_AUTO_OPEN_ENABLED: 'true' }, onLine);
}
