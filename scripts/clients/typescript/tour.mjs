// What a TypeScript client does with everything that is offered, whichever client and transport it is.

import { assert, check } from './checks.mjs';

/** Arguments for the tools that need some. */
const ARGUMENTS = {
  echo: { message: 'hi' },
  add: { a: 2, b: 3 },
  'long-running-operation': { duration: 0.1, steps: 2 },
  'annotated-message': { messageType: 'success' },
  'get-structured-content': { location: 'New York' },
  'get-resource-reference': { resourceType: 'Text', resourceId: 1 },
  'sampling-request': { prompt: 'Say something' },
  calculate: { op: 'add', a: 2, b: 3 },
  batch_calculate: { calculations: [{ op: 'add', a: 1, b: 2 }] },
  advanced_calculate: { operation: 'factorial', value: 5 },
};
/** Sends people to a page, which is a matter of its own. */
const LEFT_OUT = ['url-elicitation', 'simulate-research-query'];


/**
 * Connects, calls every tool, reads, gets prompts, leaves. `questions` are how this client names
 * forms, sampling and roots; one that is undefined is not answered.
 */
export async function walk(name, { transport, client: make, questions, call }) {
  const step = (what, run) => check(`${name}: ${what}`, run);
  const client = make();
  const [elicit, sample, roots] = questions;
  client.setRequestHandler(elicit, async ({ params }) => ({ action: 'accept', content: filled(params) }));
  client.setRequestHandler(sample, async () => ({
    role: 'assistant',
    model: 'test',
    content: { type: 'text', text: 'something' },
  }));
  client.setRequestHandler(roots, async () => ({ roots: [{ uri: 'file:///tmp', name: 'tmp' }] }));
  if (!(await step('it connects', async () => (await client.connect(transport()), true)))) return;
  const tools = (await step('it lists tools', () => client.listTools()))?.tools ?? [];
  for (const tool of tools.filter(({ name: each }) => !LEFT_OUT.includes(each))) {
    await step(`it calls ${tool.name}`, async () => {
      const result = await call(client, { name: tool.name, arguments: ARGUMENTS[tool.name] ?? {} });
      assert.ok(!result.isError, JSON.stringify(result.content));
      assert.ok(result.content.length > 0);
    });
  }
  await step('it turns the pages of resources and reads', async () => {
    let cursor;
    const uris = [];
    do {
      const page = await client.listResources(cursor ? { cursor } : undefined);
      uris.push(...page.resources.map(({ uri }) => uri));
      cursor = page.nextCursor;
    } while (cursor);
    assert.ok(uris.length > 100, `${uris.length} resources`);
    for (const uri of [uris[0], uris[1], ...uris.slice(-12)]) {
      assert.equal((await client.readResource({ uri })).contents.length, 1, uri);
    }
  });
  await step('it gets the prompts', async () => {
    const { prompts } = await client.listPrompts();
    assert.ok(prompts.length >= 5);
    for (const prompt of prompts.filter(({ arguments: wanted }) => !(wanted ?? []).some(({ required }) => required))) {
      assert.ok((await client.getPrompt({ name: prompt.name })).messages.length > 0, prompt.name);
    }
  });
  await step('it leaves', () => client.close());
}

/** A form filled in with something of the right kind. */
function filled({ requestedSchema }) {
  const value = (schema) => {
    if ('default' in schema) return schema.default;
    if (schema.enum) return schema.enum[0];
    if (schema.oneOf) return schema.oneOf[0].const;
    if (schema.type === 'array') return [(schema.items.enum ?? [schema.items.anyOf?.[0].const])[0]];
    if (schema.type === 'boolean') return true;
    if (schema.type === 'number' || schema.type === 'integer') return schema.minimum ?? 1;
    if (schema.format === 'email') return 'ada@example.com';
    if (schema.format === 'uri') return 'https://example.com/';
    if (schema.format === 'date') return '2026-01-01';
    if (schema.format === 'date-time') return '2026-01-01T00:00:00Z';
    return 'Ada Lovelace';
  };
  const properties = Object.entries(requestedSchema?.properties ?? {});
  return Object.fromEntries(properties.map(([name, schema]) => [name, value(schema)]));
}
