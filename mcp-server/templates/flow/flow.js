// Draws messages as they travel: a lane per place, a row per hop, an arrow from lane to lane.
// What is drawn is what is kept: the newest thousand, in memory of this page only.

const MOST = 1000;
const $ = (id) => document.getElementById(id);
const STORE_NAME = $('kept').parentElement.textContent.trim() === 'Redis' ? 'Redis' : 'Store';

/** Everything that was heard, in order of time. */
let hops = [];
let paused = false;
let chosen = null;
let lost = 0;
/** The last message that is drawn; none where all are. */
let last = null;

/** The lane of one end of a hop; an instance is a lane of its own. */
const lane = (hop, end) => (hop[end] === 'instance' ? `instance ${hop.instance}` : hop[end]);

/** What belongs together: the messages of one JSON-RPC id, within one session. */
const journey = (hop) => (hop.id === undefined ? null : `${hop.session ?? ''} ${hop.id}`);

function lanes() {
  const instances = [...new Set(hops.map((hop) => hop.instance))].sort();
  return ['client', ...instances.map((name) => `instance ${name}`), 'store', 'auth'];
}

const NAMES = { client: 'Clients', store: STORE_NAME, auth: 'Authori\u00adzation' };

/** Keys of everything that more than one instance has had a hand in. */
function crossed() {
  const seen = new Map();
  for (const hop of hops) {
    for (const key of [journey(hop), hop.session && `session ${hop.session}`]) {
      if (!key) continue;
      if (!seen.has(key)) seen.set(key, new Set());
      seen.get(key).add(hop.instance);
    }
  }
  return new Set([...seen].filter(([, instances]) => instances.size > 1).map(([key]) => key));
}

function wanted() {
  const words = $('words').value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const crossing = $('crossing').checked ? crossed() : null;
  return (hop) => {
    if (!$('kept').checked && hop.kind === 'kept') return false;
    if (crossing && !crossing.has(journey(hop)) && !crossing.has(`session ${hop.session}`)) return false;
    const parts = [hop.what, hop.kind, hop.session, hop.id, hop.instance, hop.request, hop.trace];
    const text = parts.join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const time = (at) => new Date(at).toISOString().slice(11, 23);

/** When the request came whose answer somebody waits for, by the id that both have in the log. */
const begun = () =>
  new Map(hops.filter(({ from, kind }) => from === 'client' && kind === 'request').map(({ request, at }) => [request, at]));

/** How long it took: what the instance has measured, or from the request to its answer. */
function took(hop, began) {
  if (hop.ms !== undefined || hop.kind !== 'response' || !began.has(hop.request)) return hop.ms;
  return hop.at - began.get(hop.request);
}

/** A row. Classes place the arrow: the page's policy allows no styles of their own. */
function row(hop, order, ms) {
  const [from, to] = [order.indexOf(lane(hop, 'from')), order.indexOf(lane(hop, 'to'))];
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const name = (index) => NAMES[order[index]] ?? order[index];
  const way = from === to ? `at ${name(from)}` : `from ${name(from)} to ${name(to)}`;
  const shape = from === to ? `mark from-${from}` : `arrow from-${left} to-${right} ${from < to ? 'rightwards' : 'leftwards'}`;
  const button = element(
    'button',
    { type: 'button', class: `hop ${hop.kind}${hop.failed ? ' failed' : ''}` },
    element('span', { class: 'at' }, time(hop.at)),
    element(
      'span',
      { class: `track lanes-${Math.min(order.length, 12)}` },
      element('span', { class: shape, 'aria-hidden': 'true' }),
      element(
        'span',
        { class: `what from-${left}` },
        hop.what,
        element('span', { class: 'unseen' }, `, ${way}`),
        ...[hop.id && `#${hop.id}`, hop.session, ms !== undefined && (ms < 1 ? '< 1 ms' : `${ms} ms`)]
          .filter(Boolean)
          .map((text) => element('span', { class: 'tag' }, text)),
      ),
    ),
  );
  button.addEventListener('click', () => choose(hop));
  const item = element('li', {}, button);
  if (chosen && (hop === chosen || (journey(hop) && journey(hop) === journey(chosen)))) item.className = 'together';
  return item;
}

function choose(hop) {
  chosen = hop;
  $('detail').hidden = false;
  $('text').textContent = JSON.stringify(hop, null, 2);
  const { traces } = document.body.dataset;
  const linked = traces && /^[0-9a-f]{32}$/.test(hop.trace);
  $('trace').hidden = !linked;
  if (linked) $('trace').firstElementChild.href = traces.replaceAll('{trace_id}', hop.trace);
  const text = command(hop);
  $('again').hidden = !text;
  $('command').textContent = text ?? '';
  $('copy').textContent = 'Copy';
  draw();
}

const META = 'io.modelcontextprotocol/';
const CLIENT = { name: 'curl', version: '1' };

/** What the parameters of a method are named by, beside `name`: `Mcp-Name` repeats it. */
const NAMED_BY = { 'resources/read': 'uri', 'tasks/get': 'taskId', 'tasks/update': 'taskId', 'tasks/cancel': 'taskId' };

/**
 * A command for a shell of POSIX that sends what a client has sent, as far as that is known here.
 * Methods may be a stranger's, and a file anybody's: what a shell or a header could take for something
 * else makes no command.
 */
function command(hop) {
  if (hop.from !== 'client' || !['request', 'notification'].includes(hop.kind)) return null;
  const [, method, name] = /^([A-Za-z][A-Za-z_$/-]*)(?: ([\w.:/-]+))?$/.exec(hop.what) ?? [];
  if (!method) return null;
  const headers = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];
  const params = name === undefined ? {} : { name, arguments: {} };
  const named = NAMED_BY[method];
  if (named) params[named] = named.toUpperCase();
  if (method === 'initialize') {
    Object.assign(params, { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT });
  } else if (hop.session) {
    headers.push('Mcp-Session-Id: SESSION');
  } else {
    headers.push('MCP-Protocol-Version: 2026-07-28', `Mcp-Method: ${method}`);
    if (named || name !== undefined) headers.push(`Mcp-Name: ${name ?? params[named]}`);
    params._meta = { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientInfo`]: CLIENT, [`${META}clientCapabilities`]: {} };
  }
  headers.push('Authorization: Bearer TOKEN');
  const message = { jsonrpc: '2.0', ...(hop.kind === 'request' && { id: 1 }), method, params };
  const lines = [`curl '${document.body.dataset.endpoint}'`, ...headers.map((header) => `--header '${header}'`)];
  return [...lines, `--data '${JSON.stringify(message)}'`].join(' \\\n    ');
}

/** How many messages are drawn, oldest first, which is where the slider stands. */
function scrubbed() {
  const end = last ? hops.indexOf(last) + 1 : hops.length;
  if (!end) last = null;
  const slider = $('scrub');
  slider.max = Math.max(hops.length, 1);
  slider.value = end || hops.length;
  slider.setAttribute('aria-valuetext', last ? `up to ${time(last.at)}` : 'all');
  return end || hops.length;
}

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const order = lanes();
    const list = $('hops');
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const end = scrubbed();
    const shown = hops.slice(0, end).filter(wanted());
    $('lanes').className = `lanes lanes-${Math.min(order.length, 12)}`;
    $('lanes').replaceChildren(...order.map((name) => element('span', {}, NAMES[name] ?? name)));
    const began = begun();
    list.replaceChildren(...shown.map((hop) => row(hop, order, took(hop, began))));
    $('empty').hidden = hops.length > 0;
    if (atEnd) list.scrollTop = list.scrollHeight;
    const instances = order.length - 3;
    const words = [`${shown.length} of ${hops.length} messages`, `${instances} instance${instances === 1 ? '' : 's'}`];
    if (lost) words.push(`${lost} lost`);
    if (paused) words.push('paused');
    if (last) words.push(`up to ${time(last.at)}`);
    $('status').textContent = `${live ? 'Live' : 'Not connected'} · ${words.join(' · ')}`;
  });
}

function add(more) {
  hops = [...hops, ...more].sort((one, other) => one.at - other.at).slice(-MOST);
  draw();
}

let live = false;
function listen() {
  const source = new EventSource('/flow/events');
  source.onopen = () => {
    live = true;
    draw();
  };
  source.onerror = () => {
    live = false;
    draw();
  };
  source.onmessage = ({ data }) => {
    const batch = JSON.parse(data);
    lost += batch.lost ?? 0;
    if (!paused) add(batch.hops.map((hop) => ({ ...hop, instance: batch.instance })));
  };
  source.addEventListener('gap', () => {
    lost += 1;
    draw();
  });
}

/** Milliseconds between two looks at how the server is: messages do not tell of what is away. */
const LOOKS = 5000;
const AWAY = { redis: 'Redis does not answer', auth: 'the authorization server does not answer' };

/** Says what is away: without a word, a lane on which nothing moves could be one where nothing happens. */
async function look() {
  let trouble = ['this instance does not answer'];
  try {
    const { services = {} } = await (await fetch('/health')).json();
    trouble = Object.keys(AWAY).filter((name) => services[name] === 'unavailable').map((name) => AWAY[name]);
  } catch {
    // What is said then is said already.
  }
  $('trouble').hidden = trouble.length === 0;
  $('trouble').textContent = trouble.length > 0 ? `Trouble: ${trouble.join(', ')}.` : '';
  setTimeout(look, LOOKS);
}

$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', String(paused));
  $('pause').textContent = paused ? 'Resume' : 'Pause';
  draw();
});
$('clear').addEventListener('click', () => {
  [hops, chosen, last, lost] = [[], null, null, 0];
  $('detail').hidden = true;
  draw();
});
$('save').addEventListener('click', () => {
  const text = hops.map((hop) => `${JSON.stringify(hop)}\n`).join('');
  const url = URL.createObjectURL(new Blob([text], { type: 'application/x-ndjson' }));
  element('a', { href: url, download: 'flow.ndjson' }).click();
  URL.revokeObjectURL(url);
});
// Pages may write to the clipboard where they came safely, which http from another machine is not.
$('copy').hidden = !navigator.clipboard;
$('copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText($('command').textContent);
    $('copy').textContent = 'Copied';
  } catch {
    $('copy').textContent = 'The browser does not let this page copy';
  }
});
$('open').addEventListener('change', async () => {
  const text = await $('open').files[0]?.text();
  if (!text) return;
  const fits = (hop) => ['from', 'to', 'kind', 'what', 'instance'].every((name) => typeof hop?.[name] === 'string');
  try {
    const read = text.split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter(fits);
    if (!paused) $('pause').click();
    [hops, last] = [[], null];
    add(read);
  } catch {
    $('status').textContent = 'This file was not saved by this page.';
  }
});
$('scrub').addEventListener('input', () => {
  const end = Number($('scrub').value);
  last = end < hops.length ? hops[end - 1] : null;
  if (last) choose(last);
  else draw();
});
for (const id of ['words', 'crossing', 'kept']) $(id).addEventListener('input', draw);
$('hops').addEventListener('keydown', (event) => {
  const steps = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' };
  const step = steps[event.key];
  if (!step) return;
  const item = document.activeElement.closest('li');
  const next = item ? item[step] : $('hops').firstElementChild;
  next?.querySelector('button').focus();
  event.preventDefault();
});
listen();
look();
draw();
