// One line per check, and a closing line with the numbers.

import assert from 'node:assert/strict';

const tally = { passed: 0, failed: 0 };

/** Runs one check; a failure is printed and counted, and what comes after goes on. */
export async function check(name, run) {
  try {
    const value = await run();
    tally.passed += 1;
    console.log(`ok      ${name}`);
    return value;
  } catch (error) {
    tally.failed += 1;
    console.log(`FAILED  ${name}\n        ${describe(error)}`);
    return undefined;
  }
}

/** Prints the closing line and sets the exit status. */
export function close() {
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

export { assert };

function describe(error) {
  const chain = [];
  for (let each = error; each; each = each.cause) chain.push(each.stack ?? String(each));
  return chain.join('\ncaused by ').replaceAll('\n', '\n        ');
}
