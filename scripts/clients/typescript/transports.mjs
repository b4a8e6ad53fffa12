// The transports that need no login: both generations of the official TypeScript SDK over standard
// input and output, and the first one over the two endpoints of 2024-11-05. Each walks what is offered.
//
// usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=http://localhost:3232/mcp node transports.mjs

import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { close } from './checks.mjs';
import { walk } from './tour.mjs';

const WHO = { name: 'typescript-transports', version: '1.0.0' };
const CAPABILITIES = { elicitation: {}, sampling: {}, roots: {} };
const SERVER = { command: process.env.MCP_SERVER ?? 'target/debug/mcp-server', args: ['stdio'], stderr: 'ignore' };
const OPEN_URL = process.env.MCP_OPEN_URL;

const sdk1 = (transport) => ({
  transport,
  client: () => new Client1(WHO, { capabilities: CAPABILITIES }),
  questions: [ElicitRequestSchema, CreateMessageRequestSchema, ListRootsRequestSchema],
  call: (client, params) => client.callTool(params, undefined),
});
const sdk2 = (mode) => ({
  transport: () => new StdioClientTransport(SERVER),
  client: () => new Client(WHO, { capabilities: CAPABILITIES, versionNegotiation: { mode } }),
  questions: ['elicitation/create', 'sampling/createMessage', 'roots/list'],
  call: (client, params) => client.callTool(params),
});
const WAYS = {
  'sdk 1.x over stdio': sdk1(() => new Stdio1(SERVER)),
  'client 2.x legacy over stdio': sdk2('legacy'),
  'client 2.x auto over stdio': sdk2('auto'),
};
if (OPEN_URL) {
  WAYS['sdk 1.x over 2024-11-05'] = sdk1(() => new SSEClientTransport(new URL('/sse', OPEN_URL)));
  WAYS['sdk 1.x over streamable http'] = sdk1(() => new Http1(new URL(OPEN_URL)));
}

for (const [name, way] of Object.entries(WAYS)) await walk(name, way);
close();
