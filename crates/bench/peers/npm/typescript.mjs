// The official TypeScript SDK with one tool, as its guide to serving over HTTP builds one.
// usage: node typescript.mjs stateless|sessions PORT
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';

const [mode, port] = process.argv.slice(2);
const inputSchema = z.object({ message: z.string() });

function echoing() {
  const server = new McpServer({ name: 'peer', version: '1.0.0' });
  server.registerTool('echo', { description: 'Echoes back the input', inputSchema }, async ({ message }) => ({
    content: [{ type: 'text', text: `Echo: ${message}` }],
  }));
  return server;
}

// A transport for each session, as its guide to sessions does.
const transports = new Map();

async function inSession(request, response) {
  let transport = transports.get(request.headers['mcp-session-id']);
  if (!transport) {
    transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => transports.set(id, transport),
    });
    await echoing().connect(transport);
  }
  await transport.handleRequest(request, response);
}

const handler = mode === 'sessions' ? inSession : toNodeHandler(createMcpHandler(echoing));
createServer(handler).listen(Number(port), '127.0.0.1');
