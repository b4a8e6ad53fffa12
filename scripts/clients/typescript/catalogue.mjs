// The whole catalogue, walked by both generations of the official TypeScript client over every way
// that needs no login: each answer is held against what the originals answered, and at the end
// nothing that is listed was left out but what `tasks.mjs` calls. `recorded.json` has the calls; the
// Python client makes the same.
//
// usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=http://localhost:3232/mcp node catalogue.mjs

import { Client, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { assert, check, close } from './checks.mjs';
import { AS_TASKS, BY_OTHER_MEANS, CALLS, differs } from './recorded.mjs';

const WHO = { name: 'typescript-catalogue', version: '1.0.0' };
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const TOOLSETS = 'everything,calculator,apps,fetch';
const SERVER = {
  command: process.env.MCP_SERVER ?? 'target/debug/mcp-server',
  args: ['stdio'],
  env: { MCP_TOOLSETS: TOOLSETS },
  stderr: 'ignore',
};
const OPEN_URL = process.env.MCP_OPEN_URL;

const sdk1 = (transport) => ({
  transport,
  client: () => new Client1(WHO, { capabilities: CAPABILITIES }),
  questions: [ElicitRequestSchema, CreateMessageRequestSchema, ListRootsRequestSchema],
  call: (client, params) => client.callTool(params, undefined),
  hasSession: true,
});
const sdk2 = (mode, transport) => ({
  transport,
  client: () => new Client(WHO, { capabilities: CAPABILITIES, versionNegotiation: { mode } }),
  questions: ['elicitation/create', 'sampling/createMessage', 'roots/list'],
  call: (client, params) => client.callTool(params),
  hasSession: mode === 'legacy',
});
const WAYS = {
  'sdk 1.x over stdio': sdk1(() => new Stdio1(SERVER)),
  'client 2.x over stdio, with a session': sdk2('legacy', () => new Stdio2(SERVER)),
  'client 2.x over stdio': sdk2('auto', () => new Stdio2(SERVER)),
};
if (OPEN_URL) {
  WAYS['sdk 1.x over 2024-11-05'] = sdk1(() => new SSEClientTransport(new URL('/sse', OPEN_URL)));
  WAYS['sdk 1.x over streamable http'] = sdk1(() => new Http1(new URL(OPEN_URL)));
  WAYS['client 2.x over streamable http, with a session'] = sdk2('legacy', () => new Http2(new URL(OPEN_URL)));
  WAYS['client 2.x over streamable http'] = sdk2('auto', () => new Http2(new URL(OPEN_URL)));
}

for (const [name, way] of Object.entries(WAYS)) await check(`${name}: the whole catalogue`, () => walk(way));
close();

async function walk({ transport, client: make, questions, call, hasSession }) {
  const client = make();
  const [elicit, sample, roots] = questions;
  client.setRequestHandler(elicit, async ({ params }) =>
    params.mode === 'url' ? { action: 'accept' } : { action: 'accept', content: { name: 'Ada' } },
  );
  client.setRequestHandler(sample, async () => ({
    role: 'assistant',
    model: 'stub',
    stopReason: 'endTurn',
    content: { type: 'text', text: 'stub reply' },
  }));
  client.setRequestHandler(roots, async () => ({ roots: [{ uri: 'file:///tmp/demo', name: 'Demo' }] }));
  await client.connect(transport());
  const methods = {
    'tools/call': (params) => call(client, params),
    'prompts/get': (params) => client.getPrompt(params),
    'resources/read': (params) => client.readResource(params),
    'completion/complete': (params) => client.complete(params),
  };
  try {
    const { tools } = await client.listTools();
    const offered = ({ toolset, covers }) => !toolset || tools.some(({ name }) => name === covers);
    for (const { method, params, expect } of CALLS.filter(offered)) {
      const answer = await methods[method](params);
      const wrong = differs(answer, expect, '');
      assert.ok(!wrong, `${method} ${JSON.stringify(params)}${wrong}`);
      assert.equal(Boolean(answer.isError), Boolean(expect.isError), JSON.stringify([params, answer]));
    }
    await history(client, call);
    await own(client, CALLS.filter(offered), hasSession);
    await nothingIsLeftOut(client);
  } finally {
    await client.close();
  }
}

/** What was calculated is found under the id that the result tells, with a name or without. */
async function history(client, call) {
  const params = { name: 'calculate', arguments: { a: 20, b: 22, op: 'add' } };
  const { structuredContent: made } = await call(client, params);
  const { contents } = await client.readResource({ uri: `calculator://history/${made.id}` });
  assert.equal(JSON.parse(contents[0].text).result, 42);
  const all = JSON.parse((await client.readResource({ uri: 'calculator://history' })).contents[0].text);
  assert.equal(all[0].id, made.id);
  const named = { name: 'calculate', arguments: { a: 6, b: 7, op: 'multiply', history: 'clients' } };
  const { structuredContent: kept } = await call(client, named);
  const read = await client.readResource({ uri: `calculator://histories/clients/${kept.id}` });
  assert.equal(JSON.parse(read.contents[0].text).result, 42);
  const whole = await client.readResource({ uri: 'calculator://histories/clients' });
  assert.equal(JSON.parse(whole.contents[0].text)[0].id, kept.id);
  const ref = { type: 'ref/resource', uri: 'calculator://histories/{history}' };
  const { completion } = await client.complete({ ref, argument: { name: 'history', value: 'cli' } });
  assert.deepEqual(completion.values, ['clients']);
}

/** A file that a call has made is read where its result says, and a session tells of itself. */
async function own(client, calls, hasSession) {
  for (const { expect } of calls.filter(({ covers }) => covers === 'gzip-file-as-resource')) {
    const { uri, blob } = expect.content[0].resource;
    assert.equal((await client.readResource({ uri })).contents[0].blob, blob);
  }
  const listed = [];
  let cursor;
  do {
    const page = await client.listResources(cursor && { cursor });
    listed.push(...page.resources.map(({ uri }) => uri));
    cursor = page.nextCursor;
  } while (cursor);
  const sessions = listed.filter((uri) => uri.startsWith('session://info/'));
  assert.equal(sessions.length, hasSession ? 1 : 0, listed.join());
  for (const uri of sessions) {
    const told = JSON.parse((await client.readResource({ uri })).contents[0].text);
    assert.ok(uri.endsWith(told.sessionId), JSON.stringify(told));
  }
}

async function nothingIsLeftOut(client) {
  const covered = new Set([...CALLS.map(({ covers }) => covers), ...AS_TASKS, ...BY_OTHER_MEANS]);
  const { tools } = await client.listTools();
  const { prompts } = await client.listPrompts();
  const { resourceTemplates } = await client.listResourceTemplates();
  const { resources } = await client.listResources();
  const listed = [...tools, ...prompts].map(({ name }) => name);
  listed.push(...resourceTemplates.map(({ uriTemplate }) => uriTemplate));
  assert.ok(tools.length > 20 && prompts.length > 10 && resources.length >= 10, listed.join());
  assert.deepEqual(listed.filter((name) => !covered.has(name)), []);
}
