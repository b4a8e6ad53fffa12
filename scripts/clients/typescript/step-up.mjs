// A tool that needs more than its caller may: both generations of the official TypeScript SDK read the
// 403, ask their user for the wider scope, and call again.
//
// usage: MCP_URL=http://localhost:3232/mcp node step-up.mjs
// CLIENT_ID names a public client that is known beforehand; without it each one registers itself.
// The server offers the toolset diagnostics, whose tool print-env needs the scope mcp:diagnostics.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { assert, check, close } from './checks.mjs';
import { Provider } from './provider.mjs';

const URL_OF_SERVER = new URL(process.env.MCP_URL ?? 'http://localhost:3232/mcp');
const WHO = { name: 'typescript-step-up', version: '1.0.0' };
const CALL = { name: 'print-env', arguments: {} };

/** Is known to the authorization server already, if it has a name. */
class Known extends Provider {
  constructor(name, method) {
    super(name, process.env.CLIENT_ID ? 'none' : method);
    this.client = process.env.CLIENT_ID && { client_id: process.env.CLIENT_ID };
  }
}

/** Forgets refresh tokens: with one, SDK 1.x refreshes on a 403 instead of asking for more. */
class WithoutRefresh extends Known {
  saveTokens({ refresh_token: _, ...tokens }) {
    super.saveTokens(tokens);
  }
}

const SDKS = [
  {
    name: 'sdk 1.x',
    provider: new WithoutRefresh('step-up 1.x', 'none'),
    transport: (authProvider) => new Transport1(URL_OF_SERVER, { authProvider }),
    client: () => new Client1(WHO),
    finish: (transport, params) => transport.finishAuth(params.get('code')),
  },
  ...[['legacy', 'legacy'], ['stateless', { pin: '2026-07-28' }]].map(([name, mode]) => ({
    name: `client 2.x ${name}`,
    provider: new Known(`step-up 2.x ${name}`, 'client_secret_post'),
    transport: (authProvider) => new StreamableHTTPClientTransport(URL_OF_SERVER, { authProvider }),
    client: () => new Client(WHO, { versionNegotiation: { mode } }),
    finish: (transport, params) => transport.finishAuth(params),
  })),
];

for (const sdk of SDKS) await check(`${sdk.name}: a 403 becomes a wider scope and an answer`, () => stepUp(sdk));
close();

async function stepUp({ provider, ...sdk }) {
  const first = sdk.transport(provider);
  await assert.rejects(sdk.client().connect(first), /unauthorized/i);
  await sdk.finish(first, provider.callback);
  const asked = () => provider.authorizationUrl.searchParams.get('scope').split(' ');
  assert.ok(!asked().includes('mcp:diagnostics'), 'it asks for no more than it was told to');

  const transport = sdk.transport(provider);
  const client = sdk.client();
  await client.connect(transport);
  // The user has to agree, so the first try ends here and the second begins with the code.
  await assert.rejects(client.callTool(CALL), /unauthorized/i);
  assert.equal(provider.walks, 2);
  for (const scope of ['mcp', 'mcp:diagnostics']) assert.ok(asked().includes(scope), `${scope} is in ${asked()}`);
  await sdk.finish(transport, provider.callback);
  const result = await client.callTool(CALL);
  assert.ok(!result.isError, JSON.stringify(result));
  await client.close();
}
