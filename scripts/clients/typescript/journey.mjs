// The whole way of a client that nobody here wrote: from a 401 through registration, consent and
// login to tool calls, with both generations of the official TypeScript SDK and in both eras.
//
// usage: MCP_URL=http://localhost:3232/mcp node journey.mjs

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { assert, check, close } from './checks.mjs';
import { Provider } from './provider.mjs';

const MCP_URL = process.env.MCP_URL ?? 'http://localhost:3232/mcp';
const SSE_URL = new URL('/sse', MCP_URL).href;
const WHO = { name: 'typescript-journey', version: '1.0.0' };
const CAPABILITIES = { elicitation: {} };
const TOOLS = ['echo', 'add', 'long-running-operation', 'elicitation-request'];
const NEWEST_SESSION = '2025-11-25';
const STATELESS = '2026-07-28';

if (process.argv.includes('--help')) {
  console.log('usage: MCP_URL=http://localhost:3232/mcp node journey.mjs');
  console.log('Logs in as DEMO_USERNAME (alice) and walks both official SDK generations through both eras, and the first over /sse.');
  process.exit(0);
}

const SDK1 = {
  name: 'sdk 1.x',
  url: MCP_URL,
  authMethod: 'none',
  era: NEWEST_SESSION,
  hasSessionId: true,
  transport: (authProvider) => new Transport1(new URL(MCP_URL), { authProvider }),
  client: () => new Client1(WHO, { capabilities: CAPABILITIES }),
  elicitation: ElicitRequestSchema,
  finish: (transport, params) => transport.finishAuth(params.get('code')),
  version: (_client, transport) => transport.protocolVersion,
  callTool: (client, params, options) => client.callTool(params, undefined, options),
};

/** How each generation is made to speak each era, and what must come of it. */
const GENERATIONS = [
  SDK1,
  {
    ...SDK1,
    name: 'sdk 1.x over 2024-11-05',
    url: SSE_URL,
    hasSessionId: false,
    transport: (authProvider) => new SSEClientTransport(new URL(SSE_URL), { authProvider }),
    // The SDK hands a notification on a turn later than an answer, and an EventSource gives both in one
    // turn if they came in one packet: what was told just before the answer may find nobody.
    mayMissTheLast: true,
    // It tells nobody, but keeps it.
    version: (_client, transport) => transport._protocolVersion,
  },
  ...[
    ['2.x legacy', 'client_secret_post', 'legacy', NEWEST_SESSION],
    ['2.x pinned', 'client_secret_basic', { pin: STATELESS }, STATELESS],
    ['2.x auto', 'none', 'auto', STATELESS],
  ].map(([name, authMethod, mode, era]) => ({
    name: `client ${name}`,
    url: MCP_URL,
    authMethod,
    era,
    hasSessionId: era === NEWEST_SESSION,
    transport: (authProvider) => new StreamableHTTPClientTransport(new URL(MCP_URL), { authProvider }),
    client: () => new Client(WHO, { capabilities: CAPABILITIES, versionNegotiation: { mode } }),
    elicitation: 'elicitation/create',
    finish: (transport, params) => transport.finishAuth(params),
    version: (client) => client.getNegotiatedProtocolVersion(),
    callTool: (client, params, options) => client.callTool(params, options),
  })),
];

for (const generation of GENERATIONS) await journey(generation);
close();

async function journey(sdk) {
  const step = (name, run) => check(`${sdk.name}: ${name}`, run);
  const provider = new Provider(`journey ${sdk.name}`, sdk.authMethod);
  await step('a client without a token is sent to log in', () => logIn(sdk, provider));
  if (!provider.held) return;
  await step('the authorization request has PKCE, a resource and what came back', () => inspect(sdk, provider));

  const client = sdk.client();
  const asked = [];
  client.setRequestHandler(sdk.elicitation, async ({ params }) => {
    asked.push(params);
    return { action: 'accept', content: { name: 'Ada Lovelace' } };
  });
  const transport = sdk.transport(provider);
  const connected = await step(`it connects and speaks ${sdk.era}`, async () => {
    await client.connect(transport);
    assert.equal(sdk.version(client, transport), sdk.era);
    assert.equal(Boolean(transport.sessionId), sdk.hasSessionId, 'only sessions of /mcp have an id');
    return true;
  });
  if (!connected) return;
  const call = (name, args, options) => sdk.callTool(client, { name, arguments: args }, options);
  await tools(step, client, call, { asked, mayMissTheLast: sdk.mayMissTheLast });
  await step('a token that no longer works is refreshed without a second login', async () => {
    const stale = { ...provider.held, access_token: 'no-longer-valid' };
    provider.held = stale;
    assert.equal(text(await call('echo', { message: 'again' })), 'Echo: again');
    assert.notEqual(provider.held.access_token, stale.access_token);
    assert.equal(provider.walks, 1);
    assert.equal(provider.registrations, 1);
  });
  await step('it leaves', async () => {
    if (transport.sessionId) await transport.terminateSession();
    await client.close();
  });
}

async function logIn(sdk, provider) {
  const transport = sdk.transport(provider);
  await assert.rejects(sdk.client().connect(transport), /unauthorized/i);
  assert.equal(provider.callback.get('state'), provider.sentState);
  await sdk.finish(transport, provider.callback);
  await transport.close();
  assert.equal(provider.held.token_type.toLowerCase(), 'bearer');
  assert.ok(provider.held.refresh_token, 'there is a refresh token');
}

function inspect({ url }, { authorizationUrl, callback }) {
  const query = authorizationUrl.searchParams;
  assert.equal(query.get('code_challenge_method'), 'S256');
  assert.equal(query.get('resource'), url);
  assert.ok(callback.get('iss'), 'the response names its issuer (RFC 9207)');
  assert.ok(authorizationUrl.href.startsWith(callback.get('iss')), 'and it is the one that was asked');
}

async function tools(step, client, call, { asked, mayMissTheLast }) {
  await step('it lists the tools', async () => {
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    for (const name of TOOLS) assert.ok(names.includes(name), `${name} is in ${names}`);
  });
  await step('echo', async () => {
    assert.equal(text(await call('echo', { message: 'grüße 👋' })), 'Echo: grüße 👋');
  });
  await step('add', async () => {
    assert.equal(text(await call('add', { a: 2, b: 3 })), 'The sum of 2 and 3 is 5.');
  });
  await step('long-running-operation tells how far it is', async () => {
    const seen = [];
    const args = { duration: 0.6, steps: 3 };
    const result = await call('long-running-operation', args, { onprogress: (each) => seen.push(each.progress) });
    assert.match(text(result), /completed/);
    assert.deepEqual(mayMissTheLast ? [...seen.slice(0, 2), 3] : seen, [1, 2, 3]);
  });
  await step('elicitation-request is answered by the handler', async () => {
    const result = await call('elicitation-request', {});
    assert.equal(asked.length, 1);
    assert.ok(asked[0].requestedSchema.properties.name, 'it asks for a name');
    assert.match(text(result), /User provided the requested information/);
    assert.match(text(result), /Ada Lovelace/);
  });
  await step('wrong arguments and unknown tools are told apart from success', async () => {
    await failing(() => call('add', { a: 'two', b: 3 }));
    await failing(() => call('no-such-tool', {}));
  });
  await step('the connection has survived that', async () => {
    assert.equal(text(await call('echo', { message: 'still here' })), 'Echo: still here');
  });
}

/** A failure is an error, or a result that says so: the revisions differ. */
async function failing(run) {
  const result = await run().catch((error) => ({ isError: true, error }));
  assert.equal(result.isError, true, JSON.stringify(result));
}

function text(result) {
  return result.content.filter((each) => each.type === 'text').map((each) => each.text).join('\n');
}
