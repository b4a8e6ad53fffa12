// mcp-remote, which lets a client that only knows standard input and output use a remote server: the
// first official TypeScript SDK speaks to it, and it speaks to ours.
//
// usage: MCP_OPEN_URL=… [MCP_URL=…] node remote.mjs

import { createInterface } from 'node:readline';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { close } from '../typescript/checks.mjs';
import { walk } from '../typescript/tour.mjs';
import { fetched, freePort, modules, surroundings } from './program.mjs';

const REMOTE = modules('mcp-remote/dist/proxy.js');
const OPEN_URL = process.env.MCP_OPEN_URL;
const WAYS = {
  'mcp-remote, legacy': [OPEN_URL, '--transport', 'http-only'],
  'mcp-remote, auto': [OPEN_URL, '--transport', 'http-only', '--protocol', 'auto'],
  'mcp-remote over HTTP+SSE': [new URL('/sse', OPEN_URL).href, '--transport', 'sse-only'],
};
if (process.env.MCP_URL) {
  WAYS['mcp-remote with OAuth'] = [process.env.MCP_URL, `${await freePort()}`, '--protocol', 'auto'];
  const sse = new URL('/sse', process.env.MCP_URL).href;
  WAYS['mcp-remote over HTTP+SSE with OAuth'] = [sse, `${await freePort()}`, '--transport', 'sse-only'];
}

for (const [name, args] of Object.entries(WAYS)) {
  await walk(name, {
    transport: () => through(args),
    client: () => new Client({ name, version: '1.0.0' }, { capabilities: { elicitation: {}, sampling: {}, roots: {} } }),
    questions: [ElicitRequestSchema, CreateMessageRequestSchema, ListRootsRequestSchema],
    call: (client, params) => client.callTool(params, undefined),
  });
}
close();

/** The proxy as a process; when it asks for a browser, the form walker is there. */
function through(args) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [REMOTE, ...args, '--host', '127.0.0.1'],
    env: surroundings(),
    stderr: 'pipe',
  });
  createInterface({ input: transport.stderr }).on('line', (line) => {
    const url = line.match(/^(http\S+code_challenge=\S+)/)?.[1];
    if (url) fetched(url, new URL(url).searchParams.get('redirect_uri')).catch((error) => console.log(`        ${error}`));
  });
  return transport;
}
