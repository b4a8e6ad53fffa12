// What the originals answered, for every client that walks the catalogue.

import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';

/** The calls, with what must be in their answers; and those that go on as tasks. */
export const { calls: CALLS, tasks: TASKS } = JSON.parse(await readFile(new URL('../recorded.json', import.meta.url), 'utf8'));

/** What only a caller can know. */
export const BY_OTHER_MEANS = [
  'calculator://history',
  'calculator://history/{calculationId}',
  'calculator://histories/{history}',
  'calculator://histories/{history}/{calculationId}',
  'demo://resource/session/{name}',
  'session://info/{sessionId}',
  'ui://live-state/app.html',
];

/**
 * Tasks of the server, and of the client: programs of their own call them (`tasks.mjs`, `tasks-two.mjs`,
 * `tasks_one.py`, `tasks_two.py`), and the Inspector those of the server.
 */
export const AS_TASKS = TASKS.map(({ params }) => params.name);

/** Where an answer is not what was expected, and how; nothing if it is. */
export function differs(answer, expected, path) {
  const wrong = () => `${path}: ${JSON.stringify(expected)} was expected, not ${JSON.stringify(answer)?.slice(0, 300)}`;
  if (typeof expected === 'string' && expected.startsWith('~')) {
    return new RegExp(expected.slice(1)).test(answer) ? '' : wrong();
  }
  if (expected?.$json) return isDeepStrictEqual(JSON.parse(answer), expected.$json) ? '' : wrong();
  if (expected === null || typeof expected !== 'object') return Object.is(answer, expected) ? '' : wrong();
  if (answer === null || typeof answer !== 'object') return wrong();
  if (Array.isArray(expected) && answer.length !== expected.length) return wrong();
  for (const [name, value] of Object.entries(expected)) {
    const inner = differs(answer[name], value, `${path}.${name}`);
    if (inner) return inner;
  }
  return '';
}
