// Runs a client that is a command, in a home of its own, and is the person who logs in for it.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { walk } from '../typescript/walker.mjs';

/** The most milliseconds that a command may take. */
const PATIENCE = 60_000;

/** Where a file of an installed package is. */
export function modules(path) {
  return fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));
}

const home = mkdtempSync(join(tmpdir(), 'mcp-commands-'));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));

/** The environment of a command: nothing of it is kept, and no browser opens. */
export function surroundings(more = {}) {
  return { PATH: process.env.PATH, HOME: home, NODE_COMPILE_CACHE: join(home, 'compiled'), MCP_REMOTE_CONFIG_DIR: join(home, 'remote'), BROWSER: 'true', ...more };
}

/**
 * Runs a script with this Node to its end and gives what it has printed, which the error has too if it fails;
 * `onLine` hears every line.
 */
export function run(args, more, onLine = async () => {}) {
  const child = spawn(process.execPath, args, { env: surroundings(more), stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  let out = '';
  let all = '';
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (bytes) => (out += bytes));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        all += `${line}\n`;
        onLine(line).catch(reject);
      });
    }
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      if (status === 0) resolve(out);
      else reject(Object.assign(new Error(`it ended with ${status}: ${all.slice(-1500)}`), { out }));
    });
  });
}

/** Logs in, and sends the browser back to the client, which listens at `callback`. */
export async function fetched(url, callback) {
  const back = await walk(url, callback);
  await fetch(back, { signal: AbortSignal.timeout(10_000) });
}

/** A port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
