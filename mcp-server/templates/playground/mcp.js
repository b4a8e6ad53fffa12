// A client of both eras in one class: what differs is in `headers`, `complete` and `open`.

const MODERN = '2026-07-28';
const SCOPED = 'io.modelcontextprotocol/';
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const TASKS = 'io.modelcontextprotocol/tasks';
/** States in which nothing more comes of a task. */
const OVER = ['completed', 'failed', 'cancelled'];
const INFO = { name: 'playground', title: 'MCP playground', version: '1' };
/** How often a cut stream is resumed, and questions are answered, before a call gives up. */
const PATIENCE = 8;

/** An error that the server has answered. */
export class Refused extends Error {
  constructor(error) {
    const hint = error.data?.hint;
    super(`${error.message} (${error.code})${hint ? `. ${hint}` : ''}`);
    this.error = error;
  }
}

/** The server wants a log-in, or one that allows more. */
export class LoginNeeded extends Error {
  constructor(header, status) {
    super(status === 403 ? 'This needs a log-in that allows more.' : 'Log in first.');
    this.header = header;
  }
}

/** The client was closed while it waited; nobody wants the answer any more. */
export class Closed extends Error {}

export class Client {
  /**
   * `login` gives the header with the token; `watch(entry)` sees every message; `answer(question)`
   * answers what the server asks; `note(notification)` hears what it says by itself. With `tasks`
   * calls may go on as tasks, where the revision has them.
   */
  constructor(endpoint, revision, { login, watch, answer, note, tasks = false }) {
    Object.assign(this, { endpoint, revision, login, watch, answer, note, tasks });
    this.isModern = revision === MODERN;
    this.session = null;
    this.nextId = 1;
    this.tools = new Map();
    this.running = new Map();
  }

  /** Opens a session, or asks who is there. */
  async open() {
    if (this.isModern) return this.request('server/discover');
    const params = { protocolVersion: this.revision, capabilities: CAPABILITIES, clientInfo: INFO };
    const result = await this.request('initialize', params);
    this.revision = result.protocolVersion;
    await this.tell({ method: 'notifications/initialized' });
    this.listen();
    return result;
  }

  async close() {
    this.closed = true;
    for (const { abort } of this.running.values()) abort.abort();
    this.listening?.abort();
    if (!this.session) return;
    const headers = this.headers();
    this.watch({ kind: 'request', title: 'DELETE', headers });
    const response = await fetch(this.endpoint, { method: 'DELETE', headers }).catch(() => null);
    this.watch({ kind: 'answer', title: `${response?.status ?? 'no answer'}` });
    this.session = null;
  }

  /** Everything of a list, page by page. */
  async list(method, member) {
    const all = [];
    for (let cursor; ; ) {
      const page = await this.request(method, cursor === undefined ? {} : { cursor });
      all.push(...page[member]);
      cursor = page.nextCursor;
      if (cursor === undefined || all.length > 1000) return all;
    }
  }

  /** Makes a request and answers what the server asks, until it is complete. */
  async request(method, params = {}, options = {}) {
    let round = params;
    for (let rounds = 0; rounds <= PATIENCE; rounds += 1) {
      const result = await this.once(method, round, options);
      if (result?.resultType === 'task') return this.followTask(result, options);
      if (result?.resultType !== 'input_required') return result;
      const answers = {};
      for (const [key, question] of Object.entries(result.inputRequests ?? {})) {
        answers[key] = await this.answer(question);
      }
      round = { ...params, inputResponses: answers };
      if (result.requestState !== undefined) round.requestState = result.requestState;
    }
    throw new Error(`The server still asks after ${PATIENCE} rounds.`);
  }

  /** Asks how a task is until it is over, and answers what it asks in between. */
  async followTask(created, { running, onTask } = {}) {
    const { taskId } = created;
    const call = { taskId };
    running?.(call);
    const answered = new Set();
    for (let task = created; ; task = await this.once('tasks/get', { taskId })) {
      onTask?.(task);
      if (task.status === 'completed') return task.result;
      if (task.status === 'failed') throw new Refused(task.error ?? { code: 0, message: 'The task failed.' });
      if (task.status === 'cancelled') throw new Error('Cancelled.');
      const open = Object.entries(task.inputRequests ?? {}).filter(([key]) => !answered.has(key));
      for (const [key, question] of open) {
        answered.add(key);
        const inputResponses = { [key]: await this.answer(question) };
        await this.once('tasks/update', { taskId, inputResponses });
      }
      await this.pause(task.pollIntervalMs ?? task.pollInterval);
    }
  }

  /** Calls a tool as a task of 2025-11-25, and waits for what comes of it. */
  async coreTask(method, params, { running, onTask } = {}) {
    const { task: created } = await this.once(method, { ...params, task: { ttl: 600_000 } });
    const { taskId } = created;
    running?.({ taskId });
    for (let task = created; !OVER.includes(task.status); task = await this.once('tasks/get', { taskId })) {
      onTask?.(task);
      // What it asks comes on the stream of this request.
      if (task.status === 'input_required') break;
      await this.pause(task.pollInterval);
    }
    const result = await this.once('tasks/result', { taskId });
    onTask?.(await this.once('tasks/get', { taskId }));
    return result;
  }

  async pause(wanted) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(wanted ?? 1000, 200), 10_000)));
    if (this.closed) throw new Closed('Closed.');
  }

  /** Listens to what has changed, since 2026-07-28; ends when the call is cancelled. */
  async subscribe(notifications, running) {
    await this.once('subscriptions/listen', { notifications }, { running });
  }

  /** One message there and its answer back, whatever happens to the stream in between. */
  async once(method, params, { onProgress, running } = {}) {
    const id = this.nextId;
    this.nextId += 1;
    const call = { id, abort: new AbortController(), cut: false, last: null, retry: 1000, onProgress };
    running?.(call);
    this.running.set(id, call);
    try {
      const message = { jsonrpc: '2.0', id, method, params: this.complete(params, onProgress && id) };
      let response = await this.post(message, call);
      for (let attempts = 0; attempts < PATIENCE; attempts += 1) {
        const answer = await this.read(response, call);
        if (answer?.error) throw new Refused(answer.error);
        if (answer) return answer.result;
        if (call.cancelled || !this.mayResume(call)) break;
        await new Promise((resolve) => setTimeout(resolve, call.retry));
        call.abort = new AbortController();
        call.cut = false;
        response = await this.resume(call);
      }
      if (this.closed) throw new Closed('Closed.');
      throw new Error(call.cancelled ? 'Cancelled.' : 'The stream ended before the answer came.');
    } finally {
      this.running.delete(id);
    }
  }

  /** Ends a call: by closing its stream in the modern era, by a notification before that. */
  async cancel(call) {
    if (call.taskId) {
      await this.once('tasks/cancel', { taskId: call.taskId });
      return;
    }
    call.cancelled = true;
    if (!this.isModern) {
      const params = { requestId: call.id, reason: 'cancelled in the playground' };
      await this.tell({ method: 'notifications/cancelled', params });
    }
    call.abort.abort();
  }

  /** Cuts the stream of a call, as a bad line would. */
  cut(call) {
    call.cut = true;
    this.watch({ kind: 'cut', title: 'the stream is cut here' });
    call.abort.abort();
  }

  mayResume(call) {
    return !this.isModern && call.last !== null && !this.closed;
  }

  async resume(call) {
    const headers = { ...this.headers(), accept: 'text/event-stream', 'last-event-id': call.last };
    this.watch({ kind: 'request', title: `GET, after event ${call.last}`, headers });
    return this.fetched({ headers, signal: call.abort.signal });
  }

  async tell(message) {
    const response = await this.post({ jsonrpc: '2.0', ...message }, { abort: new AbortController() });
    await response.body?.cancel();
  }

  async post(message, call) {
    const headers = {
      ...this.headers(message),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    };
    this.watch({ kind: 'request', title: `POST ${message.method ?? 'answer'}`, headers, message });
    return this.fetched({ method: 'POST', headers, body: JSON.stringify(message), signal: call.abort.signal });
  }

  /** Fetches; gets a new token once if that is all that is missing. */
  async fetched(options, again = true) {
    const headers = { ...options.headers, ...this.login.header };
    let response;
    try {
      response = await fetch(this.endpoint, { ...options, headers, credentials: 'omit', cache: 'no-store' });
    } catch (cause) {
      if (options.signal?.aborted) return new Response(null, { status: 204 });
      throw new Error('The server does not answer.', { cause });
    }
    const shown = Object.fromEntries(response.headers);
    this.watch({ kind: 'answer', title: `${response.status} ${shown['content-type'] ?? ''}`, headers: shown });
    if (response.status === 401 || response.status === 403) {
      const header = response.headers.get('www-authenticate');
      if (response.status === 401 && again && this.login.tokens && (await this.login.refresh())) {
        return this.fetched(options, false);
      }
      if (header) throw new LoginNeeded(header, response.status);
    }
    this.session = response.headers.get('mcp-session-id') ?? this.session;
    return response;
  }

  /** Reads the answer; null when the stream ends without it. */
  async read(response, call) {
    const type = response.headers.get('content-type') ?? '';
    if (type.startsWith('text/event-stream')) return this.follow(response, call);
    const text = await response.text();
    if (!text) {
      if (response.ok) return null;
      throw new Error(`The server answers ${response.status}.`);
    }
    const message = JSON.parse(text);
    this.watch({ kind: 'answer', title: title(message), message });
    return message;
  }

  /** Reads a stream event by event until the answer is in it, or it ends. */
  async follow(response, call) {
    try {
      for await (const event of events(response.body)) {
        if (event.id !== undefined) call.last = event.id;
        if (event.retry !== undefined) call.retry = event.retry;
        const message = event.data ? JSON.parse(event.data) : null;
        this.watch({ kind: 'event', title: message ? title(message) : 'event without data', id: event.id, message });
        if (!message) continue;
        if (message.id === call.id && !message.method) return message;
        this.hear(message, call);
      }
    } catch (error) {
      if (!call.abort.signal.aborted) this.watch({ kind: 'cut', title: `the stream broke: ${error.message}` });
    }
    return null;
  }

  /** What the server says or asks before it answers. */
  hear(message, call) {
    if (message.method && message.id !== undefined) {
      this.reply(message);
    } else if (message.method === 'notifications/progress') {
      const asked = this.running.get(message.params.progressToken) ?? call;
      asked?.onProgress?.(message.params);
    } else if (message.method) {
      this.note(message);
    }
  }

  /** Answers a request of the server; in sessions only. */
  async reply({ id, method, params }) {
    const reply = { id };
    if (method === 'ping') reply.result = {};
    else reply.result = await this.answer({ method, params });
    await this.tell(reply);
  }

  /** Listens to what is not about one call. */
  async listen() {
    const call = { abort: new AbortController(), last: null, retry: 1000, id: null };
    this.listening = call.abort;
    while (!this.closed) {
      const headers = { ...this.headers(), accept: 'text/event-stream' };
      if (call.last !== null) headers['last-event-id'] = call.last;
      this.watch({ kind: 'request', title: 'GET, to listen', headers });
      const response = await this.fetched({ headers, signal: call.abort.signal }).catch(() => null);
      if (!response?.ok || !response.body) return;
      await this.follow(response, call);
      await new Promise((resolve) => setTimeout(resolve, call.retry));
    }
  }

  headers(message) {
    const headers = {};
    if (this.isModern) {
      headers['mcp-protocol-version'] = MODERN;
      headers['mcp-method'] = message.method;
      const name = message.params?.name ?? message.params?.uri ?? message.params?.taskId;
      if (name !== undefined) headers['mcp-name'] = encoded(name);
      Object.assign(headers, this.mirrored(message));
    } else if (this.session) {
      headers['mcp-session-id'] = this.session;
      headers['mcp-protocol-version'] = this.revision;
    }
    return headers;
  }

  /** The arguments that a tool wants repeated in headers (`x-mcp-header`). */
  mirrored({ method, params }) {
    const tool = method === 'tools/call' ? this.tools.get(params.name) : null;
    const headers = {};
    const walk = (schema, value) => {
      for (const [name, member] of Object.entries(schema?.properties ?? {})) {
        const found = value?.[name];
        if (found === undefined || found === null) continue;
        if (member['x-mcp-header']) headers[`mcp-param-${member['x-mcp-header']}`] = encoded(String(found));
        else walk(member, found);
      }
    };
    walk(tool?.inputSchema, params?.arguments);
    return headers;
  }

  /** The parameters with what every request of the revision carries. */
  complete(params, progressToken) {
    const meta = { ...params._meta };
    if (progressToken) meta.progressToken = progressToken;
    if (this.isModern) {
      meta[`${SCOPED}protocolVersion`] = MODERN;
      const extensions = this.tasks ? { extensions: { [TASKS]: {} } } : {};
      meta[`${SCOPED}clientCapabilities`] = { ...CAPABILITIES, ...extensions };
      meta[`${SCOPED}clientInfo`] = INFO;
    }
    return Object.keys(meta).length ? { ...params, _meta: meta } : params;
  }
}

/** A text as the value of a header. */
function encoded(text) {
  const plain = /^[\x20-\x7e\t]*$/.test(text) && text.trim() === text && !/^=\?base64\?.*\?=$/.test(text);
  if (plain) return text;
  return `=?base64?${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}?=`;
}

function title(message) {
  if (message.method) return message.method;
  return message.error ? `error ${message.error.code}` : 'result';
}

/** The events of a stream (WHATWG HTML, Server-sent events). */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replaceAll('\r\n', '\n').split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const event = {};
  for (const line of block.split('\n')) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === 'data') event.data = event.data === undefined ? value : `${event.data}\n${value}`;
    else if (field === 'id') event.id = value;
    else if (field === 'retry') event.retry = Number(value);
  }
  return Object.keys(event).length ? event : null;
}
