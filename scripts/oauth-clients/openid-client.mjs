// npm openid-client: strict by itself; only http, on loopback, is allowed to it.

import * as client from 'openid-client';

import { assert, check, close } from '../clients/typescript/checks.mjs';
import * as world from './world.mjs';

const LOOPBACK = { execute: [client.allowInsecureRequests] };
const OPENID = { ...LOOPBACK };
const OAUTH = { ...LOOPBACK, algorithm: 'oauth2' };
const issuer = new URL(world.ISSUER);

for (const method of ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']) {
  await check(`${method}: register, log in, refresh, revoke`, () => journey(method));
}
await check('pushed request, tokens bound to a key', bound);
await check('an identity token and the user', user);
await check('a device is let in', device);
await check('client_credentials with a secret', () => itself(world.BY_SECRET));
await check('client_credentials with a key', () => itself(world.BY_KEY));
await check('a wrong state and a wrong verifier are noticed', wrong);
close();

async function register(method, options = OAUTH) {
  const { privateKey, jwks } = await world.keyPair();
  const metadata = world.metadata('openid-client', method, method === 'private_key_jwt' ? { jwks } : {});
  const auth = method === 'private_key_jwt' ? client.PrivateKeyJwt(privateKey) : undefined;
  return client.dynamicClientRegistration(issuer, metadata, auth ?? byMethod(method), options);
}

function byMethod(method) {
  if (method === 'none') return client.None();
  // The secret comes with the registration.
  return (as, metadata, body, headers) => {
    const way = method === 'client_secret_basic' ? client.ClientSecretBasic : client.ClientSecretPost;
    return way(metadata.client_secret)(as, metadata, body, headers);
  };
}

/** From the request to the tokens; `send` makes the address that the browser is sent to. */
async function login(config, { scope = 'mcp', send = client.buildAuthorizationUrl, key, nonce } = {}) {
  const [verifier, state] = [client.randomPKCECodeVerifier(), client.randomState()];
  const parameters = {
    redirect_uri: world.REDIRECT_URI,
    scope,
    state,
    resource: world.RESOURCE,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(nonce ? { nonce } : {}),
  };
  const callback = await world.goes(await send(config, parameters, key));
  assert.equal(callback.searchParams.get('iss'), world.ISSUER);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  const resource = { resource: world.RESOURCE };
  return client.authorizationCodeGrant(config, callback, checks, resource, key);
}

async function journey(method) {
  const config = await register(method);
  assert.ok(config.serverMetadata().supportsPKCE());
  const first = await login(config);
  assert.equal(first.token_type, 'bearer');
  const server = await resourceServer();
  assert.equal((await client.tokenIntrospection(server, first.access_token)).active, true);
  await takes(config, first.access_token);
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.notEqual(second.access_token, first.access_token);
  await client.tokenRevocation(config, second.refresh_token);
  assert.equal((await client.tokenIntrospection(server, second.access_token)).active, false);
  const late = client.refreshTokenGrant(config, second.refresh_token);
  await assert.rejects(late, (error) => error.error === 'invalid_grant');
}

async function resourceServer() {
  const { id, secret } = world.RESOURCE_SERVER;
  return client.discovery(issuer, id, secret, client.ClientSecretBasic(secret), OAUTH);
}

async function takes(config, token, key) {
  const url = new URL(world.RESOURCE);
  const headers = new Headers(world.LIST.headers);
  const answer = await client.fetchProtectedResource(config, token, url, 'POST', world.LIST.body, headers, key);
  assert.equal(answer.status, 200, await answer.text());
}

async function bound() {
  const config = await register('none');
  const pair = await client.randomDPoPKeyPair('ES256');
  const key = { DPoP: client.getDPoPHandle(config, pair) };
  const tokens = await login(config, { send: client.buildAuthorizationUrlWithPAR, key });
  assert.equal(tokens.token_type, 'dpop');
  await takes(config, tokens.access_token, key);
  await assert.rejects(takes(config, tokens.access_token), /401|Response|www-authenticate/i);
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, {}, key);
  assert.equal(renewed.token_type, 'dpop');
  await takes(config, renewed.access_token, key);
}

async function user() {
  const config = await register('client_secret_basic', OPENID);
  const nonce = client.randomNonce();
  const tokens = await login(config, { scope: 'openid profile email mcp', nonce });
  const { sub, iss } = tokens.claims();
  assert.equal(iss, world.ISSUER);
  const info = await client.fetchUserInfo(config, tokens.access_token, sub);
  assert.ok(info.name && info.email);
}

async function device() {
  const config = await register('none');
  const waiting = await client.initiateDeviceAuthorization(config, { scope: 'mcp', resource: world.RESOURCE });
  const tokens = client.pollDeviceAuthorizationGrant(config, waiting);
  await world.letsIn(waiting.verification_uri_complete);
  await takes(config, (await tokens).access_token);
}

async function itself({ id, secret, keyFile }) {
  const auth = secret ? client.ClientSecretPost(secret) : client.PrivateKeyJwt(await world.privateKey(keyFile));
  const config = await client.discovery(issuer, id, undefined, auth, OAUTH);
  const tokens = await client.clientCredentialsGrant(config, { scope: 'mcp', resource: world.RESOURCE });
  assert.equal(tokens.refresh_token, undefined);
  const told = await client.tokenIntrospection(await resourceServer(), tokens.access_token);
  assert.deepEqual([told.active, told.sub, told.client_id], [true, id, id]);
}

async function wrong() {
  const config = await register('none');
  const verifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: world.REDIRECT_URI,
    scope: 'mcp',
    state: 'one',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const callback = await world.goes(url);
  const other = { pkceCodeVerifier: verifier, expectedState: 'two' };
  await assert.rejects(client.authorizationCodeGrant(config, callback, other));
  const stolen = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: 'one' };
  const theft = client.authorizationCodeGrant(config, callback, stolen);
  await assert.rejects(theft, (error) => error.error === 'invalid_grant');
}
