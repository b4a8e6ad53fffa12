// The log-in of a public client in a browser: from the challenge of a 401 to an access token
// (OAuth 2.1 with PKCE, RFC 9728, RFC 8414, RFC 7591, RFC 8707, RFC 9207).
//
// What is kept is kept for this tab only, and until it is closed.

const KEPT = 'playground:login';
const CLIENTS = 'playground:clients';

/** The parameters of the Bearer challenge in a `WWW-Authenticate` header. */
export function challengeOf(header) {
  const found = {};
  const text = /(?:^|,)\s*Bearer\s+(.*)/is.exec(header ?? '')?.[1] ?? '';
  for (const [, name, quoted, plain] of text.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    found[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain;
  }
  return found;
}

export class Login {
  /** `endpoint` is the URL of the MCP endpoint, `say` shows people what happens. */
  constructor(endpoint, say) {
    this.endpoint = endpoint;
    this.say = say;
    this.tokens = read(KEPT).tokens ?? null;
  }

  get header() {
    return this.tokens ? { authorization: `Bearer ${this.tokens.access_token}` } : {};
  }

  forget() {
    this.tokens = null;
    sessionStorage.removeItem(KEPT);
  }

  /** Leaves the page for the authorization server. `manualId` is for those who register nobody. */
  async begin(challenge, { manualId = '', issuer: wanted = '', keep = {} } = {}) {
    const resource = await this.resource(challenge);
    const known = resource.authorization_servers ?? [];
    if (wanted && !known.includes(wanted)) {
      throw new Error(`The resource metadata do not name ${wanted}, but ${known.join(', ') || 'nobody'}.`);
    }
    const issuer = wanted || known[0];
    if (!issuer) throw new Error('The resource metadata names no authorization server.');
    const server = await discover(issuer);
    if (!server.code_challenge_methods_supported?.includes('S256')) {
      throw new Error(`${issuer} does not say that it supports PKCE with S256.`);
    }
    const client = manualId || (await this.register(server));
    const verifier = random();
    const state = random();
    const scope = challenge.scope ?? resource.scopes_supported?.join(' ');
    write(KEPT, { pending: { server, client, verifier, state, resource: resource.resource, keep } });
    const url = new URL(server.authorization_endpoint);
    if (!['https:', 'http:'].includes(url.protocol)) throw new Error(`${url.protocol} is no place to log in.`);
    const query = {
      response_type: 'code',
      client_id: client,
      redirect_uri: redirectUri(),
      state,
      code_challenge: await s256(verifier),
      code_challenge_method: 'S256',
      resource: resource.resource,
      ...(scope && { scope }),
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    location.assign(url);
  }

  /** Takes the answer out of the URL when the browser comes back; gives what was kept, if so. */
  async finish() {
    const answer = new URLSearchParams(location.search);
    if (!answer.has('state')) return null;
    history.replaceState(null, '', location.pathname);
    const { pending } = read(KEPT);
    if (!pending || pending.state !== answer.get('state')) {
      throw new Error('This answer belongs to no log-in of this tab. Log in again.');
    }
    this.forget();
    const { server, client, verifier, resource, keep } = pending;
    const names = server.authorization_response_iss_parameter_supported || answer.has('iss');
    if (names && answer.get('iss') !== server.issuer) {
      throw new Error(`The answer is from ${answer.get('iss')}, not from ${server.issuer}.`);
    }
    if (answer.has('error')) {
      throw new Error(`Not logged in: ${answer.get('error_description') ?? answer.get('error')}`);
    }
    await this.redeem(server, client, resource, {
      grant_type: 'authorization_code',
      code: answer.get('code'),
      code_verifier: verifier,
      redirect_uri: redirectUri(),
    });
    return keep;
  }

  /** A new access token for an old one; false when only a log-in helps. Never two at a time. */
  refresh() {
    this.refreshing ??= this.refreshNow().finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  async refreshNow() {
    const { server, client, resource } = read(KEPT);
    const token = this.tokens?.refresh_token;
    if (!token || !server) return false;
    this.say('Getting a new token…');
    try {
      const former = { refresh_token: token };
      await this.redeem(server, client, resource, { grant_type: 'refresh_token', ...former }, former);
      return true;
    } catch {
      this.forget();
      return false;
    }
  }

  async redeem(server, client, resource, grant, former = {}) {
    this.say('Getting a token…');
    const body = new URLSearchParams({ ...grant, client_id: client, resource });
    const tokens = await json(server.token_endpoint, { method: 'POST', body });
    this.tokens = { ...former, ...tokens };
    write(KEPT, { tokens: this.tokens, server, client, resource });
  }

  async resource(challenge) {
    const url = challenge.resource_metadata;
    if (!url) throw new Error('The 401 names no resource metadata.');
    this.say('Reading the resource metadata…');
    const document = await json(url);
    const [ours, told] = [new URL(this.endpoint), new URL(document.resource)];
    // The page may be open under another name of the same server, such as 127.0.0.1.
    if (told.pathname.replace(/\/$/, '') !== ours.pathname.replace(/\/$/, '')) {
      throw new Error(`The metadata is that of ${document.resource}, not of ${this.endpoint}.`);
    }
    return document;
  }

  async register(server) {
    const known = read(CLIENTS);
    const key = `${server.issuer} ${redirectUri()}`;
    if (known[key]) return known[key];
    if (!server.registration_endpoint) {
      throw new Error(`${server.issuer} registers nobody: enter the id of a client that it knows.`);
    }
    this.say('Registering…');
    const client = await json(server.registration_endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'MCP playground',
        client_uri: location.origin,
        redirect_uris: [redirectUri()],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        application_type: location.protocol === 'https:' ? 'web' : 'native',
      }),
    });
    write(CLIENTS, { ...known, [key]: client.client_id });
    return client.client_id;
  }

  /** Makes the next log-in register again: for a client that the server has forgotten. */
  static forgetClients() {
    sessionStorage.removeItem(CLIENTS);
  }
}

async function discover(issuer) {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const places = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
    // The MCP server repeats them for clients of 2025-03-26: for a provider without CORS there.
    `${location.origin}/.well-known/oauth-authorization-server`,
  ];
  let failure;
  for (const place of new Set(places)) {
    try {
      const document = await json(place);
      if (document.issuer === issuer) return document;
      failure = new Error(`${place} names another issuer: ${document.issuer}`);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function json(url, options) {
  let response;
  try {
    response = await fetch(url, { ...options, credentials: 'omit', cache: 'no-store' });
  } catch (cause) {
    throw new Error(`${url} cannot be read from this page: is it up, and does it allow CORS?`, { cause });
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Error(`${url} answers ${response.status}: ${body.error_description ?? body.error ?? 'no reason given'}`);
}

function redirectUri() {
  return location.origin + location.pathname;
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function s256(text) {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
}

function write(key, value) {
  sessionStorage.setItem(key, JSON.stringify(value));
}
