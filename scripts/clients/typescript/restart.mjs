// A rolling restart as both generations of the official TypeScript client see it: three instances behind
// a balancer are asked to end one after the other, and each client keeps its session, its calls and
// what they say. The clients are as they come: two attempts for a stream that has ended, no more.
//
// usage: MCP_SERVER=target/debug/mcp-server node restart.mjs

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { assert, check, close } from './checks.mjs';

const MCP_SERVER = process.env.MCP_SERVER ?? 'target/debug/mcp-server';
const WHO = { name: 'typescript-restart', version: '1.0.0' };
const INSTANCES = 3;
/** How many clients of each generation. */
const EACH = 3;
/** A long call: so many events, so many seconds. */
const STEPS = 30;
const SECONDS = 3;
/** Milliseconds between two short calls of one client. */
const BETWEEN = 200;
/** How long an instance may take to end: two seconds of draining, and what is under way. */
const MOST_EXIT = 8000;

const running = [];
process.on('exit', () => running.forEach((each) => each.kill('SIGKILL')));

const GENERATIONS = {
  'sdk 1.x': {
    client: () => new Client1(WHO, { capabilities: {} }),
    transport: (url) => new Transport1(url),
    updated: ResourceUpdatedNotificationSchema,
    call: (client, params, options) => client.callTool(params, undefined, options),
  },
  'client 2.x': {
    client: () => new Client(WHO, { capabilities: {}, versionNegotiation: { mode: 'legacy' } }),
    transport: (url) => new StreamableHTTPClientTransport(url),
    updated: 'notifications/resources/updated',
    call: (client, params, options) => client.callTool(params, options),
  },
};

const redis = await startRedis();
const balancer = await startBalancer();
const ports = await Promise.all(Array.from({ length: INSTANCES }, freePort));
const instances = await Promise.all(ports.map(startInstance));
const seen = [];
for (const [name, generation] of Object.entries(GENERATIONS)) {
  for (let number = 1; number <= EACH; number += 1) {
    seen.push(await check(`${name} ${number}: it opens a session`, () => begin(`${name} ${number}`, generation)));
  }
}
const clients = seen.filter(Boolean);
const over = { yes: false };
const work = clients.map((client) => Promise.all([longCalls(client), shortCalls(client)]));
for (let index = 0; index < INSTANCES; index += 1) {
  await pause(500);
  await check(`instance ${index + 1} of ${INSTANCES} is restarted`, () => restart(index));
}
await pause(500);
over.yes = true;
await Promise.all(work);
await Promise.all(clients.map((client) => check(`${client.name}: nothing was lost`, () => judge(client))));
await Promise.all(clients.map(({ client }) => client.close().catch(() => {})));
running.forEach((each) => each.kill('SIGTERM'));
balancer.server.close();
balancer.server.closeAllConnections();
close();

/** A client with its session, and what it counts. */
async function begin(name, generation) {
  const client = generation.client();
  const transport = generation.transport(new URL(`${balancer.origin}/mcp`));
  const counts = { calls: 0, events: 0, short: 0, retried: 0, updates: 0, wrong: [] };
  client.setNotificationHandler(generation.updated, () => {
    counts.updates += 1;
  });
  await client.connect(transport);
  const call = (tool, args, options) => generation.call(client, { name: tool, arguments: args }, options);
  // What is watched is told of every ten seconds from now on, by whichever instance has the stream.
  await client.subscribeResource({ uri: 'calculator://history' });
  await call('toggle-subscriber-updates', {});
  return { name, client, transport, session: transport.sessionId, call, counts };
}

/** Calls that last longer than an instance takes to end, one after the other. */
async function longCalls({ call, counts }) {
  while (!over.yes) {
    const steps = [];
    try {
      const result = await call('long-running-operation', { duration: SECONDS, steps: STEPS }, {
        onprogress: ({ progress }) => steps.push(progress),
      });
      if (result.isError) counts.wrong.push(`a call failed: ${JSON.stringify(result.content)}`);
    } catch (error) {
      counts.wrong.push(`a call failed: ${error.message}`);
    }
    counts.calls += 1;
    counts.events += steps.length;
    // The last one may come in one packet with the answer, and then finds nobody (see journey.mjs).
    const expected = Array.from({ length: STEPS }, (_, index) => index + 1).slice(0, Math.max(steps.length, STEPS - 1));
    if (steps.join() !== expected.join()) counts.wrong.push(`a call of ${STEPS} steps told of ${steps.join()}`);
  }
}

/** Short calls at a rate. One that fails is tried once more, as a client does whose connection breaks. */
async function shortCalls({ call, counts }) {
  for (let number = 1; !over.yes; number += 1) {
    const text = `${number}`;
    const once = async () => (await call('echo', { message: text })).content[0].text;
    const answer = await once().catch(async () => {
      counts.retried += 1;
      await pause(100);
      return once().catch((error) => `${error.message}`);
    });
    counts.short += 1;
    if (answer !== `Echo: ${text}`) counts.wrong.push(`echo ${text} is answered ${answer}`);
    await pause(BETWEEN);
  }
}

/** What must hold for a client whose every instance was replaced under it. */
async function judge({ name, transport, session, counts }) {
  const { wrong, ...figures } = counts;
  console.log(`        ${name}: ${JSON.stringify(figures)}`);
  assert.deepEqual(wrong, []);
  assert.equal(transport.sessionId, session, 'the session is still the first one');
  assert.ok(counts.calls >= INSTANCES && counts.short > 10, 'enough has happened to show something');
  // The stream beside the calls goes on as well, on an instance that was not there when it began.
  const before = counts.updates;
  for (let tries = 0; counts.updates === before; tries += 1) {
    assert.ok(tries < 120, 'an update of a watched resource is heard after the last restart');
    await pause(100);
  }
}

async function restart(index) {
  const began = Date.now();
  instances[index].kill('SIGTERM');
  const [code] = await once(instances[index], 'exit');
  const took = Date.now() - began;
  console.log(`        it ended after ${took} ms`);
  assert.equal(code, 0);
  assert.ok(took <= MOST_EXIT, `${took} ms`);
  instances[index] = await startInstance(ports[index]);
}

async function startInstance(port) {
  const settings = {
    PATH: process.env.PATH,
    PORT: `${port}`,
    BASE_URI: balancer.origin,
    REDIS_URL: redis,
    MCP_AUTH: 'none',
    MCP_STATE_KEY: '5a'.repeat(32),
    METRICS_ADDR: 'off',
    RUST_LOG: 'warn',
  };
  const instance = spawn(MCP_SERVER, [], { env: settings, stdio: 'ignore' });
  running.push(instance);
  // Ready is what the balancer has seen to be ready: before that it sends nobody there.
  for (let tries = 0; !balancer.ready.has(port); tries += 1) {
    assert.ok(tries < 200 && instance.exitCode === null, 'an instance is ready within 20 seconds');
    await pause(100);
  }
  return instance;
}

async function startRedis() {
  const port = await freePort();
  const options = ['--port', `${port}`, '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
  running.push(spawn('redis-server', options, { stdio: 'ignore' }));
  return `redis://127.0.0.1:${port}`;
}

async function isReady(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok ?? false;
}

/** Sends each request to the next instance that says it is ready, as a balancer without affinity does. */
async function startBalancer() {
  let next = 0;
  const server = createServer((incoming, outgoing) => {
    const ready = (ports ?? []).filter((port) => balancer.ready.has(port));
    if (ready.length === 0) return outgoing.writeHead(502).end();
    next += 1;
    const { method, url, headers } = incoming;
    const port = ready[next % ready.length];
    const onward = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
    outgoing.on('close', () => onward.destroy());
    return incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const looking = async () => {
    for (const port of ports) {
      if (await isReady(port)) balancer.ready.add(port);
      else balancer.ready.delete(port);
    }
  };
  setInterval(() => looking().catch(() => {}), 100).unref();
  return { server, origin: `http://localhost:${server.address().port}`, ready: new Set() };
}

async function freePort() {
  const socket = createSocket().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
