// The view's half of MCP Apps 2026-01-26: JSON-RPC with the host that shows this page.

const host = window.parent;
const waiting = new Map();
const listeners = new Map();
let last = 0;

const post = (message) => host.postMessage({ jsonrpc: '2.0', ...message }, '*');

// Asks the host; fails when it refuses or does not answer in time.
const request = (method, params, patience = 15000) =>
  new Promise((resolve, reject) => {
    const id = ++last;
    const timer = setTimeout(() => {
      waiting.delete(id);
      reject(new Error(`${method} was not answered`));
    }, patience);
    waiting.set(id, { resolve, reject, timer });
    post({ id, method, params });
  });

const notify = (method, params = {}) => post({ method, params });

// What the host tells, by method.
const on = (method, listener) => listeners.set(method, listener);

// Fills an element with a text; what comes from outside is never markup.
const show = (id, text) => {
  document.getElementById(id).textContent = String(text);
};

const settle = ({ id, result, error }) => {
  const asked = waiting.get(id);
  if (!asked) return;
  waiting.delete(id);
  clearTimeout(asked.timer);
  if (error) asked.reject(new Error(error.message ?? 'the host has refused'));
  else asked.resolve(result);
};

window.addEventListener('message', ({ source, data }) => {
  // Only the frame around this one is the host.
  if (source !== host || data?.jsonrpc !== '2.0') return;
  const { id, method, params } = data;
  if (method === undefined) return settle(data);
  const listener = listeners.get(method);
  if (id === undefined) return listener?.(params ?? {});
  if (method === 'ping' || listener) {
    listener?.(params ?? {});
    return post({ id, result: {} });
  }
  post({ id, error: { code: -32601, message: 'Method not found' } });
});

// The host's theme and colours, where it has some.
const dress = ({ theme, styles } = {}) => {
  const root = document.documentElement;
  if (theme === 'light' || theme === 'dark') root.style.colorScheme = theme;
  for (const [name, value] of Object.entries(styles?.variables ?? {})) {
    if (name.startsWith('--') && typeof value === 'string') root.style.setProperty(name, value);
  }
};

const tellSize = () => {
  const { width } = document.documentElement.getBoundingClientRect();
  const { height } = document.body.getBoundingClientRect();
  notify('ui/notifications/size-changed', { width: Math.ceil(width), height: Math.ceil(height) });
};

// Meets the host; gives what it can do. Call it once, after every `on`.
const connect = async (name, title) => {
  if (host === window) throw new Error('This page is shown by a host of MCP Apps; there is none.');
  on('ui/notifications/host-context-changed', dress);
  const met = await request('ui/initialize', {
    protocolVersion: '2026-01-26',
    appInfo: { name, title, version: '1' },
    appCapabilities: { availableDisplayModes: ['inline'] },
  });
  dress(met.hostContext);
  notify('ui/notifications/initialized');
  new ResizeObserver(tellSize).observe(document.body);
  return met.hostCapabilities ?? {};
};

