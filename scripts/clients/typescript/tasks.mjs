// What goes on as a task in a session of 2025-11-25: a tool that the server makes a task of, and two
// that ask the client, which makes tasks of its own of the questions. Other revisions do not have those
// two. `recorded.json` has the calls; `tasks-two.mjs` and the first Python client make the same.
//
// usage: MCP_SERVER=target/debug/mcp-server MCP_OPEN_URL=http://localhost:3232/mcp node tasks.mjs

import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { assert, check, close } from './checks.mjs';
import { TASKS, differs } from './recorded.mjs';

const WHO = { name: 'typescript-tasks', version: '1.0.0' };
const CAPABILITIES = {
  elicitation: { form: {} },
  sampling: {},
  tasks: { requests: { sampling: { createMessage: {} }, elicitation: { create: {} } } },
};
const SERVER = { command: process.env.MCP_SERVER ?? 'target/debug/mcp-server', args: ['stdio'], stderr: 'ignore' };
const OPEN_URL = process.env.MCP_OPEN_URL;
const QUESTIONS = { 'sampling/createMessage': CreateMessageRequestSchema, 'elicitation/create': ElicitRequestSchema };

/** Tells when a task is looked at. */
class Watched extends InMemoryTaskStore {
  #waiting = new Map();

  async getTask(id, session) {
    const task = await super.getTask(id, session);
    this.#waiting.get(id)?.();
    return task;
  }

  looked(id) {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

const WAYS = { 'sdk 1.x over stdio': () => new StdioClientTransport(SERVER) };
if (OPEN_URL) {
  WAYS['sdk 1.x over 2024-11-05'] = () => new SSEClientTransport(new URL('/sse', OPEN_URL));
  WAYS['sdk 1.x over streamable http'] = () => new StreamableHTTPClientTransport(new URL(OPEN_URL));
}

for (const [name, transport] of Object.entries(WAYS)) {
  for (const task of TASKS) {
    const whose = task.question ? 'a task of its own' : 'a task of the server';
    await check(`${name}: ${task.params.name}, as ${whose}`, () => run(transport(), task));
  }
}
close();

async function run(transport, task) {
  const store = new Watched();
  const client = new Client(WHO, { capabilities: CAPABILITIES, taskStore: store });
  await client.connect(transport);
  try {
    const result = await (task.question ? answered(client, store, task) : followed(client, task));
    assert.ok(!result.isError, JSON.stringify(result));
    const wrong = differs(result, task.expect, '');
    assert.ok(!wrong, wrong);
  } finally {
    await client.close();
    // It would remember tasks for as long as the server has asked, and the program would not end.
    store.cleanup();
  }
}

/** The result of a call that the server makes a task of. */
async function followed(client, { params }) {
  const stream = client.experimental.tasks.callToolStream(params, CallToolResultSchema, { task: { ttl: 60_000 } });
  const seen = [];
  for await (const { type, task, result, error } of stream) {
    if (type === 'error') throw error;
    if (type === 'result') {
      assert.equal(seen[0], 'taskCreated working');
      assert.equal(seen.at(-1), 'taskStatus completed');
      return result;
    }
    seen.push(`${type} ${task.status}`);
  }
  throw new Error('the task has no result');
}

/** The result of a call that asks the client, which makes a task of the question. */
async function answered(client, store, { params, question, answer }) {
  const asked = [];
  const ends = [];
  client.setRequestHandler(QUESTIONS[question.method], async (request, { taskStore }) => {
    asked.push(request.params);
    const task = await taskStore.createTask({ ttl: request.params.task.ttl });
    // The first look sees it at work, whoever is faster.
    ends.push(store.looked(task.taskId).then(() => taskStore.storeTaskResult(task.taskId, 'completed', answer)));
    return { task };
  });
  const result = await client.callTool(params);
  const wrong = differs(asked, [question.params], question.method);
  assert.ok(!wrong, `${wrong} ${JSON.stringify(result)}`);
  await Promise.all(ends);
  return result;
}
