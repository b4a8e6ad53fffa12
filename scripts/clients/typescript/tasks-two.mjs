// Tasks with the second generation of the official TypeScript client, which has none itself: they are a
// package beside it, of the same organisation. In sessions of 2025-11-25 both sides make tasks; in
// 2026-07-28 the server does, and the package is given a way to send messages that the client would not.
// The calls of tasks are those of `recorded.json`, as for the first generation.
//
// usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=http://localhost:3232/mcp node tasks-two.mjs

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { createTaskSessionFromClient, resultFromTaskOutcome, toolDeclarationFromMcpTool } from '@modelcontextprotocol/ext-tasks/client';
import { bindTaskReceiver } from '@modelcontextprotocol/ext-tasks/receiver';

import { assert, check, close } from './checks.mjs';
import { TASKS, differs } from './recorded.mjs';

const WHO = { name: 'typescript-tasks-two', version: '1.0.0' };
const CAPABILITIES = { elicitation: { form: {} }, sampling: {} };
const SERVER = { command: process.env.MCP_SERVER ?? 'target/debug/mcp-server', args: ['stdio'], stderr: 'ignore' };
const OPEN_URL = process.env.MCP_OPEN_URL;
const MODERN = '2026-07-28';
const RESEARCH = 'simulate-research-query';
const UNCLEAR = { topic: 'python', ambiguous: true };

const legacy = (transport) => ({ transport, mode: 'legacy', own: TASKS });
const WAYS = { 'client 2.x legacy over stdio': legacy(() => new StdioClientTransport(SERVER)) };
if (OPEN_URL) {
  const http = () => new StreamableHTTPClientTransport(new URL(OPEN_URL));
  WAYS['client 2.x legacy over streamable http'] = legacy(http);
  const modern = { rawDispatch: dispatch, v2RequestFraming: { protocolVersion: MODERN, clientInfo: WHO, clientCapabilities: CAPABILITIES } };
  // Clients make no tasks of questions there.
  WAYS['client 2.x modern over streamable http'] = {
    transport: http,
    mode: { pin: MODERN },
    modern,
    own: TASKS.filter(({ question }) => !question),
  };
}

for (const [name, way] of Object.entries(WAYS)) {
  for (const task of way.own) {
    const whose = task.question ? 'a task of its own' : 'a task of the server';
    await check(`${name}: ${task.params.name}, as ${whose}`, () => connected(way, task, (session) => leads(session, task)));
  }
  // In sessions the package waits for the result of a task when that has ended, and is not asked before.
  if (way.modern) await check(`${name}: a task that asks`, () => connected(way, {}, asks));
  await check(`${name}: a task that is cancelled`, () => connected(way, {}, cancels));
}
close();

async function connected({ transport: open, mode, modern = {} }, { question, answer }, run) {
  const client = new Client(WHO, { capabilities: CAPABILITIES, versionNegotiation: { mode } });
  const transport = open();
  const asked = [];
  const receiver = question && receives(client, transport, (request) => {
    asked.push(request);
    return answer;
  });
  await client.connect(transport);
  const listed = await client.listTools();
  const tools = new Map(listed.tools.map((tool) => [tool.name, toolDeclarationFromMcpTool(tool)]));
  const session = createTaskSessionFromClient(client, {
    endpointId: 'ours',
    tools: { currentTool: (name) => tools.get(name) },
    onInputRequest: ({ kind, params }) => {
      asked.push({ method: kind, params });
      return { action: 'accept', content: { interpretation: 'snake' } };
    },
    ...modern,
  });
  try {
    await run(session, asked);
    if (question) {
      const wrong = differs(asked, [question], 'asked');
      assert.ok(!wrong, wrong);
    }
  } finally {
    await session.close();
    receiver?.close();
    await client.close();
  }
}

/** Makes tasks of questions. Each is at work until that was told once, whoever is faster. */
function receives(client, transport, answered) {
  const { promise: told, resolve } = Promise.withResolvers();
  const send = transport.send.bind(transport);
  transport.send = async (message, options) => {
    await send(message, options);
    if (message.result?.status && message.result.status !== 'completed') resolve();
  };
  const own = async (request) => {
    const answer = answered(request);
    await told;
    return answer;
  };
  const methods = { 'sampling/createMessage': true, 'elicitation/create': true };
  const receiver = bindTaskReceiver(client, { methods, sampling: own, elicitation: own });
  client.registerCapabilities({ tasks: receiver.capabilities });
  return receiver;
}

async function leads(session, { params, expect, question }) {
  const execution = await session.callTool(params.name, params.arguments);
  assert.equal(execution.kind, question ? 'immediate' : 'task');
  const { outcome } = await execution.settle();
  const wrong = differs(resultFromTaskOutcome(outcome), expect, '');
  assert.ok(!wrong, wrong);
}

async function asks(session, asked) {
  const execution = await session.callTool(RESEARCH, UNCLEAR);
  const seen = [];
  const { outcome } = await execution.settle({ onEvent: (event) => void seen.push(event.task?.status ?? event.type) });
  const { content } = resultFromTaskOutcome(outcome);
  assert.ok(content[0].text.startsWith('# Research Report: python (snake)\n'), content[0].text);
  assert.deepEqual(asked.map(({ method }) => method), ['elicitation']);
  assert.ok(seen.includes('input_required'), `${seen}`);
}

async function cancels(session) {
  const execution = await session.callTool(RESEARCH, UNCLEAR);
  await execution.cancel();
  const seen = await session.task(execution.handle.taskId).snapshot();
  assert.equal(seen.status, 'cancelled');
  if (session.capabilities.inventory !== 'server-list') return;
  const { tasks } = await session.listTasks();
  assert.deepEqual(tasks.map(({ taskId, status }) => [taskId, status]), [[execution.handle.taskId, 'cancelled']]);
}

/** Sends a message of 2026-07-28 by itself: the client knows no results but its own. */
async function dispatch({ method, params }, { signal } = {}) {
  const name = params.name ?? params.taskId;
  const response = await fetch(OPEN_URL, {
    method: 'POST',
    signal,
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      'mcp-name': name,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const text = await response.text();
  const isStream = response.headers.get('content-type').startsWith('text/event-stream');
  const messages = isStream ? [...text.matchAll(/^data: ?(\{.*)$/gm)].map(([, data]) => JSON.parse(data)) : [JSON.parse(text)];
  const { result, error } = messages.find(({ id }) => id === 1);
  return error ? { kind: 'error', error } : { kind: 'result', result };
}
