// What the two clients of this folder share: the servers' addresses, the clients of the operator,
// what they register, and the person who walks the pages.

import { readFile } from 'node:fs/promises';

import { walk } from '../clients/typescript/walker.mjs';

export const ISSUER = process.env.ISSUER;
export const RESOURCE = process.env.RESOURCE;
/** Nobody listens here: the walk ends at the redirect. */
export const REDIRECT_URI = 'http://127.0.0.1:41792/callback';
/** The resource server's own client, which may ask about tokens. */
export const RESOURCE_SERVER = { id: 'mcp-server', secret: process.env.MCP_AUTH_CLIENT_SECRET };
/** Clients of the operator, which act for themselves. */
export const BY_SECRET = { id: 'by-secret', secret: process.env.BY_SECRET };
export const BY_KEY = { id: 'by-key', keyFile: process.env.BY_KEY_FILE };

/** What is registered: an application with a browser, and without one. */
export function metadata(name, method, more = {}) {
  return {
    client_name: `${name}, ${method}`,
    redirect_uris: [REDIRECT_URI],
    grant_types: [
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:device_code',
    ],
    response_types: ['code'],
    token_endpoint_auth_method: method,
    ...more,
  };
}

/** The address that the person is sent back to. */
export function goes(url) {
  return walk(url, REDIRECT_URI);
}

/** The person follows the link of a device and lets it in. */
export async function letsIn(link) {
  const done = await walk(link, `${ISSUER}/device/done`);
  const page = await fetch(done);
  if (!page.ok) throw new Error(`the device was not let in: ${page.status}`);
}

/** The key of a client, as file (PKCS #8, PEM). */
export async function privateKey(file) {
  const pem = await readFile(file, 'utf8');
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return crypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}

/** A key of a client that registers itself, and what it registers of it. */
export async function keyPair() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  return { privateKey, jwks: { keys: [{ kty, crv, x, y, use: 'sig', alg: 'ES256' }] } };
}

/** A call of a tool's list, to see whether the resource server takes a token. */
export const LIST = {
  headers: {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/list',
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/list',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'oauth-clients', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }),
};
