// The playground's page: what people see and do; `oauth.js` logs in, `mcp.js` speaks.

import { fields, h } from './forms.js';
import { Client, Closed, LoginNeeded } from './mcp.js';
import { Login, challengeOf } from './oauth.js';

const $ = (id) => document.getElementById(id);
const ENDPOINT = new URL(document.body.dataset.endpoint, location).href;
/** Only so many messages are kept on the page. */
const MOST_MESSAGES = 500;

const login = new Login(ENDPOINT, (text) => say(text));
let client = null;
let challenge = {};
let showing = null;
/** What ends a subscription. */
let subscription = null;
/** Where the id of a client is kept that somebody has typed. */
const MANUAL = 'playground:client';

const KINDS = {
  tools: { list: 'tools/list', member: 'tools', name: (one) => one.name, show: showTool },
  resources: { list: 'resources/list', member: 'resources', name: (one) => one.uri, show: showResource },
  templates: {
    list: 'resources/templates/list',
    member: 'resourceTemplates',
    name: (one) => one.uriTemplate,
    show: showTemplate,
  },
  prompts: { list: 'prompts/list', member: 'prompts', name: (one) => one.name, show: showPrompt },
};

start();

async function start() {
  $('connect').addEventListener('click', () => guarded(connect));
  $('login').addEventListener('click', () => guarded(logIn));
  $('logout').addEventListener('click', () => guarded(logOut));
  $('listen').addEventListener('submit', (event) => {
    event.preventDefault();
    guarded(listen);
  });
  $('silence').addEventListener('click', () => guarded(stopListening));
  $('client-id').value = sessionStorage.getItem(MANUAL) ?? '';
  $('client-id').addEventListener('change', () => sessionStorage.setItem(MANUAL, $('client-id').value.trim()));
  $('clear').addEventListener('click', () => $('messages').replaceChildren());
  $('save').addEventListener('click', save);
  for (const tab of document.querySelectorAll('.tabs [data-kind]')) {
    tab.addEventListener('click', () => guarded(() => show(tab.dataset.kind)));
  }
  await guarded(async () => {
    const kept = await login.finish();
    if (kept?.revision) $('revision').value = kept.revision;
    if (kept || login.tokens) await connect();
    else say('Not connected.');
  });
}

/** Does it, and says what went wrong. */
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof Closed) return;
    if (error instanceof LoginNeeded) {
      challenge = challengeOf(error.header);
      $('login').hidden = false;
    }
    say(error.message, true);
  }
}

function say(text, isBad = false) {
  $('status').textContent = text;
  $('status').classList.toggle('bad', isBad);
}

// --- Connecting ----------------------------------------------------------------------------------

async function connect() {
  await client?.close();
  say('Connecting…');
  $('login').hidden = true;
  const tasks = $('tasks').checked;
  client = new Client(ENDPOINT, $('revision').value, { login, watch, answer, note, tasks });
  subscription = null;
  const hello = await client.open();
  const who = hello.serverInfo ?? hello._meta?.['io.modelcontextprotocol/serverInfo'];
  $('work').hidden = false;
  $('hearing').hidden = false;
  $('silence').hidden = true;
  $('heard').replaceChildren();
  const isStanding = !client.isModern;
  $('standing').textContent = isStanding
    ? 'The stream of the session is open: whatever is about no call comes there. Name resources to hear of their changes.'
    : 'A subscription is a request whose answer is a stream. Choose what to hear of.';
  for (const box of document.querySelectorAll('#listen .box')) box.hidden = isStanding;
  await show('tools');
  $('logout').hidden = !login.tokens;
  say(`Connected${who ? ` to ${who.title ?? who.name} ${who.version ?? ''}` : ''}, revision ${client.revision}.`);
}

async function logIn() {
  const manualId = $('client-id').value.trim();
  const issuer = $('issuer').value.trim();
  await login.begin(challenge, { manualId, issuer, keep: { revision: $('revision').value } }).catch((error) => {
    $('manual').open = true;
    Login.forgetClients();
    throw error;
  });
}

async function logOut() {
  await client?.close();
  login.forget();
  client = null;
  $('work').hidden = true;
  $('hearing').hidden = true;
  $('logout').hidden = true;
  say('Logged out of this page. The authorization server may still know you.');
}

// --- What the server says by itself --------------------------------------------------------------

async function listen() {
  const uris = $('uris').value.split(/[\s,]+/).filter(Boolean);
  if (!client.isModern) {
    for (const uri of uris) await client.request('resources/subscribe', { uri });
    say(uris.length ? `Watching ${uris.join(', ')}.` : 'Name a resource to watch.', !uris.length);
    return;
  }
  await stopListening();
  const wanted = Object.fromEntries(
    [...document.querySelectorAll('#listen input:checked')].map((box) => [box.name, true]),
  );
  if (uris.length) wanted.resourceSubscriptions = uris;
  $('silence').hidden = false;
  say('Listening.');
  const mine = client;
  const own = { call: null };
  subscription = own;
  try {
    await mine.subscribe(wanted, (call) => {
      own.call = call;
    });
    say('The server has ended the subscription.');
  } catch (error) {
    if (subscription === own && !own.stopped) throw error;
  } finally {
    if (subscription === own) {
      subscription = null;
      $('silence').hidden = true;
    }
  }
}

async function stopListening() {
  if (!subscription?.call) return;
  subscription.stopped = true;
  await client.cancel(subscription.call);
  say('No longer listening.');
}

// --- What is offered -----------------------------------------------------------------------------

async function show(kind) {
  const { list, member, name, show: open } = KINDS[kind];
  for (const tab of document.querySelectorAll('.tabs [data-kind]')) {
    tab.setAttribute('aria-pressed', String(tab.dataset.kind === kind));
  }
  showing = kind;
  const found = await client.list(list, member);
  // Somebody was faster, and looks at something else by now.
  if (showing !== kind) return;
  if (kind === 'tools') client.tools = new Map(found.map((tool) => [tool.name, tool]));
  const items = found.map((one) => {
    const button = h('button', { type: 'button', class: 'item' }, name(one));
    button.addEventListener('click', () => {
      for (const other of $('items').querySelectorAll('.item')) other.removeAttribute('aria-current');
      button.setAttribute('aria-current', 'true');
      guarded(() => open(one));
    });
    return h('li', {}, button);
  });
  $('items').replaceChildren(...items);
  $('items').dataset.kind = kind;
  $('detail').replaceChildren(h('p', { class: 'soft' }, items.length ? 'Choose one.' : 'There are none.'));
}

/** A heading, a form, and a place for what comes of it. */
function panel(one, form, verb, run) {
  const result = h('div', { class: 'result', 'aria-live': 'polite' });
  const bar = h('progress', { hidden: true, 'aria-label': 'Progress' });
  const told = h('p', { class: 'soft' });
  const submit = h('button', { type: 'submit' }, verb);
  const stop = h('button', { type: 'button', class: 'plain', hidden: true }, 'Cancel');
  const cut = h('button', { type: 'button', class: 'plain', hidden: true }, 'Cut the stream');
  let call = null;
  stop.addEventListener('click', () => guarded(() => client.cancel(call)));
  cut.addEventListener('click', () => client.cut(call));
  const options = {
    running: (now) => {
      call = now;
    },
    onProgress: ({ progress, total, message }) => {
      bar.hidden = false;
      if (total) Object.assign(bar, { max: total, value: progress });
      told.textContent = `${progress}${total ? ` of ${total}` : ''}${message ? `: ${message}` : ''}`;
    },
  };
  options.onTask = ({ taskId, status, statusMessage }) => {
    cut.hidden = true;
    told.textContent = `Task ${taskId.slice(0, 8)}…: ${status}${statusMessage ? `, ${statusMessage}` : ''}`;
  };
  const element = h('form', {}, ...form.elements, h('p', { class: 'row' }, submit, stop, cut));
  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    let value;
    try {
      value = form.value();
    } catch {
      return;
    }
    for (const button of [stop, cut]) button.hidden = false;
    submit.disabled = true;
    bar.hidden = true;
    told.textContent = '';
    result.replaceChildren();
    try {
      result.replaceChildren(...(await run(value, options)));
    } catch (error) {
      if (error instanceof LoginNeeded) await guarded(() => Promise.reject(error));
      const data = error.error?.data;
      result.replaceChildren(h('p', { class: 'bad' }, error.message), ...(data ? [pretty(data)] : []));
    }
    for (const button of [stop, cut]) button.hidden = true;
    submit.disabled = false;
  });
  const description = one.description ?? '';
  $('detail').replaceChildren(
    h('h2', {}, one.title ?? one.annotations?.title ?? one.name),
    h('p', { class: 'soft' }, description),
    element,
    bar,
    told,
    result,
  );
}

function showTool(tool) {
  panel(tool, fields(tool.inputSchema), 'Call', async (value, options) => {
    const params = { name: tool.name, arguments: value };
    const support = tool.execution?.taskSupport;
    const asTask = !client.isModern && (support === 'required' || (support === 'optional' && client.tasks));
    const result = asTask
      ? await client.coreTask('tools/call', params, options)
      : await client.request('tools/call', params, options);
    const failed = result.isError ? [h('p', { class: 'bad' }, 'The tool says that it failed.')] : [];
    const structured = result.structuredContent
      ? [h('h3', {}, 'Structured content'), pretty(result.structuredContent)]
      : [];
    return [...failed, ...(result.content ?? []).map(block), ...structured];
  });
}

function showResource(resource) {
  const none = { elements: [], value: () => ({}) };
  panel(resource, none, 'Read', (_, options) => readResource(resource.uri, options));
}

async function readResource(uri, options) {
  const { contents } = await client.request('resources/read', { uri }, options);
  return contents.map((one) => block({ type: 'resource', resource: one }));
}

function showTemplate(template) {
  const names = [...template.uriTemplate.matchAll(/\{[+#./;?&]?([\w,*.]+)\}/g)].flatMap(([, list]) =>
    list.replaceAll('*', '').split(','),
  );
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  panel(template, fields({ properties, required: names }), 'Read', (value, options) => {
    const expand = (_, list) =>
      list.replaceAll('*', '').split(',').map((name) => encodeURIComponent(value[name] ?? '')).join(',');
    return readResource(template.uriTemplate.replaceAll(/\{[+#./;?&]?([\w,*.]+)\}/g, expand), options);
  });
}

function showPrompt(prompt) {
  const given = prompt.arguments ?? [];
  const schema = {
    properties: Object.fromEntries(given.map((one) => [one.name, { ...one, type: 'string' }])),
    required: given.filter((one) => one.required).map((one) => one.name),
  };
  panel(prompt, fields(schema), 'Get', async (value, options) => {
    const { messages } = await client.request('prompts/get', { name: prompt.name, arguments: value }, options);
    return messages.map(({ role, content }) => h('div', {}, h('h3', {}, role), block(content)));
  });
}

/** One piece of content. */
function block(content) {
  const data = `data:${content.mimeType};base64,${content.data}`;
  switch (content.type) {
    case 'text':
      return h('pre', { tabindex: 0 }, content.text);
    case 'image':
      return h('img', { src: data, alt: 'The image that came' });
    case 'audio':
      return h('audio', { src: data, controls: true });
    case 'resource_link':
      return h('p', {}, `${content.title ?? content.name}: `, reader(content.uri));
    case 'resource': {
      const { uri, text, mimeType, blob } = content.resource;
      const isImage = mimeType?.startsWith('image/') && blob;
      const inside = isImage ? block({ type: 'image', mimeType, data: blob }) : h('pre', { tabindex: 0 }, text ?? blob);
      return h('div', {}, h('p', { class: 'soft' }, `${uri} ${mimeType ?? ''}`), inside);
    }
    default:
      return pretty(content);
  }
}

function reader(uri) {
  const button = h('button', { type: 'button', class: 'plain' }, uri);
  button.addEventListener('click', () =>
    guarded(async () => button.replaceWith(uri, ...(await readResource(uri)))),
  );
  return button;
}

function pretty(value) {
  return h('pre', { tabindex: 0 }, JSON.stringify(value, null, 2));
}

// --- What the server asks ------------------------------------------------------------------------

/** Questions are put one after the other. */
let asking = Promise.resolve();

function answer(question) {
  const next = asking.then(() => ask(question));
  asking = next.catch(() => {});
  return next;
}

function ask({ method, params = {} }) {
  if (method === 'sampling/createMessage') return askForSample(params);
  if (method === 'roots/list') return askForRoots();
  return params.mode === 'url' ? askToVisit(params) : askToFillIn(params);
}

function askToFillIn({ message, requestedSchema }) {
  const form = fields(requestedSchema);
  return dialog('The server asks', [h('p', {}, message), ...form.elements], {
    Accept: () => ({ action: 'accept', content: form.value() }),
    ...REFUSALS,
  });
}

function askToVisit({ message, url }) {
  const target = new URL(url);
  const isWeb = ['http:', 'https:'].includes(target.protocol);
  const link = isWeb ? h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, url) : url;
  const words = h('p', {}, 'It wants you to open a page of ', h('strong', {}, target.host), ': ', link);
  return dialog('The server asks', [h('p', {}, message), words], {
    'I have opened it': () => ({ action: 'accept' }),
    ...REFUSALS,
  });
}

function askForSample({ messages, systemPrompt, maxTokens }) {
  const said = messages.flatMap(({ role, content }) =>
    [content].flat().map((one) => h('div', {}, h('h3', {}, role), block(one))),
  );
  const form = fields({
    properties: { text: { type: 'string', title: 'Your answer, as the model', default: 'An answer from a person.' } },
    required: ['text'],
  });
  const intro = `The server asks for a completion of at most ${maxTokens} tokens.`;
  const system = systemPrompt ? [h('h3', {}, 'system'), h('pre', { tabindex: 0 }, systemPrompt)] : [];
  return dialog('You are the model', [h('p', {}, intro), ...system, ...said, ...form.elements], {
    Answer: () => ({
      role: 'assistant',
      content: { type: 'text', text: form.value().text },
      model: 'a-person',
      stopReason: 'endTurn',
    }),
  });
}

function askForRoots() {
  const form = fields({
    properties: { uri: { type: 'string', title: 'A folder', default: 'file:///home/user/project' } },
  });
  return dialog('Which folders matter?', form.elements, {
    Answer: () => ({ roots: form.value().uri ? [{ uri: form.value().uri, name: 'Project' }] : [] }),
    None: () => ({ roots: [] }),
  });
}

const REFUSALS = { Decline: () => ({ action: 'decline' }), Cancel: () => ({ action: 'cancel' }) };

/** Puts a question; the first way to answer checks the form. */
function dialog(title, content, ways) {
  return new Promise((resolve) => {
    const heading = h('h2', { id: 'dialog-title' }, title);
    const form = h('form', {}, heading, ...content);
    const element = h('dialog', { 'aria-labelledby': 'dialog-title' }, form);
    const done = (value) => {
      element.remove();
      resolve(value);
    };
    const buttons = Object.entries(ways).map(([label, value], index) => {
      if (index === 0) return h('button', { type: 'submit' }, label);
      return h('button', { type: 'button', class: 'plain', onclick: () => done(value()) }, label);
    });
    form.append(h('p', { class: 'row' }, ...buttons));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      try {
        done(Object.values(ways)[0]());
      } catch {
        // The field says what is wrong.
      }
    });
    // Escape is the last way: to put it aside.
    element.addEventListener('cancel', (event) => {
      event.preventDefault();
      done(Object.values(ways).at(-1)());
    });
    document.body.append(element);
    element.showModal();
  });
}

// --- What goes over the wire ---------------------------------------------------------------------

const LOG = [];
const MARKS = { request: '→', answer: '←', event: '⇠', cut: '✂' };

function watch({ kind, title, headers, message, id }) {
  const shown = headers && { ...headers };
  LOG.push({ at: new Date().toISOString(), kind, title, id, headers: shown, message });
  if (LOG.length > MOST_MESSAGES) LOG.shift();
  const parts = [];
  if (shown && Object.keys(shown).length) {
    const lines = Object.entries(shown).map(([name, value]) => `${name}: ${value}`);
    parts.push(h('pre', { tabindex: 0 }, lines.join('\n')));
  }
  if (id !== undefined) parts.push(h('p', { class: 'soft' }, `event ${id}`));
  if (message) parts.push(pretty(message));
  const line = `${MARKS[kind]} ${title}`;
  const entry = parts.length ? h('details', {}, h('summary', {}, line), ...parts) : h('p', {}, line);
  const list = $('messages');
  list.prepend(h('li', { class: kind }, entry));
  while (list.children.length > MOST_MESSAGES) list.lastElementChild.remove();
}

function note({ method, params }) {
  const line = `${new Date().toISOString().slice(11, 19)} ${method}`;
  const entry = params ? h('details', {}, h('summary', {}, line), pretty(params)) : h('p', {}, line);
  $('heard').prepend(h('li', {}, entry));
  while ($('heard').children.length > MOST_MESSAGES) $('heard').lastElementChild.remove();
}

/** What was seen, as a file. Tokens are never in it: they are added after a message is shown. */
function save() {
  const url = URL.createObjectURL(new Blob([JSON.stringify(LOG, null, 2)], { type: 'application/json' }));
  h('a', { href: url, download: 'mcp-messages.json' }).click();
  URL.revokeObjectURL(url);
}
