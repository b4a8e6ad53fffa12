// npm oauth4webapi: the same protocols step by step. Each answer is checked before it is used, from
// the resource server's metadata on; only http, on loopback, is allowed to it.

import * as oauth from 'oauth4webapi';

import { assert, check, close } from '../clients/typescript/checks.mjs';
import * as world from './world.mjs';

const LOOPBACK = { [oauth.allowInsecureRequests]: true };
const TARGET = { ...LOOPBACK, additionalParameters: { resource: world.RESOURCE } };

const as = await check('the resource server names its issuer, and both documents agree', discover);
if (as) {
  await check('public client: pushed request, code, key-bound tokens, refresh', bound);
  await check('confidential client: code, introspection, revocation', confidential);
  await check('a client with a key of its own', withKey);
  await check('a device is let in', device);
  await check('client_credentials with a secret', () => itself(world.BY_SECRET));
  await check('client_credentials with a key', () => itself(world.BY_KEY));
  await check('an error comes with state and issuer, and another issuer is noticed', refusals);
}
close();

async function discover() {
  const resource = new URL(world.RESOURCE);
  const described = await oauth.resourceDiscoveryRequest(resource, LOOPBACK);
  const { authorization_servers } = await oauth.processResourceDiscoveryResponse(resource, described);
  assert.deepEqual(authorization_servers, [world.ISSUER]);
  const issuer = new URL(authorization_servers[0]);
  const [plain, openid] = await Promise.all(
    ['oauth2', 'oidc'].map(async (algorithm) => {
      const answer = await oauth.discoveryRequest(issuer, { algorithm, ...LOOPBACK });
      return oauth.processDiscoveryResponse(issuer, answer);
    }),
  );
  assert.equal(plain.token_endpoint, openid.token_endpoint);
  assert.equal(plain.authorization_response_iss_parameter_supported, true);
  assert.deepEqual(plain.code_challenge_methods_supported, ['S256']);
  return plain;
}

async function register(method, more) {
  const metadata = world.metadata('oauth4webapi', method, more);
  const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, LOOPBACK);
  return oauth.processDynamicClientRegistrationResponse(answer);
}

async function request(client, scope) {
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()];
  const parameters = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: world.REDIRECT_URI,
    response_type: 'code',
    scope,
    state,
    resource: world.RESOURCE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  return { verifier, state, parameters };
}

function address(parameters) {
  return `${as.authorization_endpoint}?${parameters}`;
}

async function redeem(client, auth, { verifier, state }, callback, options = LOOPBACK) {
  const parameters = oauth.validateAuthResponse(as, client, callback, state);
  return oauth.authorizationCodeGrantRequest(
    as, client, auth, parameters, world.REDIRECT_URI, verifier,
    { ...options, additionalParameters: { resource: world.RESOURCE } },
  );
}

async function bound() {
  const [client, auth] = [await register('none'), oauth.None()];
  const key = { ...LOOPBACK, DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')) };
  const asked = await request(client, 'mcp');
  const pushed = await withNonce(
    () => oauth.pushedAuthorizationRequest(as, client, auth, asked.parameters, key),
    (answer) => oauth.processPushedAuthorizationResponse(as, client, answer),
  );
  const { client_id } = client;
  const link = address(new URLSearchParams({ client_id, request_uri: pushed.request_uri }));
  const callback = await world.goes(link);
  const tokens = await withNonce(
    () => redeem(client, auth, asked, callback, key),
    (answer) => oauth.processAuthorizationCodeResponse(as, client, answer),
  );
  assert.equal(tokens.token_type, 'dpop');
  await takes(tokens.access_token, key);
  await assert.rejects(takes(tokens.access_token, LOOPBACK));
  const renewed = await withNonce(
    () => oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, key),
    (answer) => oauth.processRefreshTokenResponse(as, client, answer),
  );
  assert.notEqual(renewed.refresh_token, tokens.refresh_token);
  const other = { ...LOOPBACK, DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')) };
  const theft = withNonce(
    () => oauth.refreshTokenGrantRequest(as, client, auth, renewed.refresh_token, other),
    (answer) => oauth.processRefreshTokenResponse(as, client, answer),
  );
  await assert.rejects(theft, (error) => error.error === 'invalid_grant');
}

/** A server may want a nonce of its own in the proof (RFC 9449 section 8): then once more. */
async function withNonce(send, read) {
  try {
    return await read(await send());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return read(await send());
  }
}

async function takes(token, options) {
  const headers = new Headers(world.LIST.headers);
  const url = new URL(world.RESOURCE);
  const answer = await oauth.protectedResourceRequest(token, 'POST', url, headers, world.LIST.body, options);
  assert.equal(answer.status, 200, await answer.text());
}

async function confidential() {
  const client = await register('client_secret_basic');
  const auth = oauth.ClientSecretBasic(client.client_secret);
  const asked = await request(client, 'mcp');
  const callback = await world.goes(address(asked.parameters));
  const answer = await redeem(client, auth, asked, callback);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer);
  await takes(tokens.access_token, LOOPBACK);
  assert.deepEqual((await told(tokens.access_token)).aud, world.RESOURCE);
  const again = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, TARGET);
  const renewed = await oauth.processRefreshTokenResponse(as, client, again);
  const gone = await oauth.revocationRequest(as, client, auth, renewed.access_token, LOOPBACK);
  await oauth.processRevocationResponse(gone);
  assert.deepEqual(await told(renewed.access_token), { active: false });
}

async function told(token) {
  const { id, secret } = world.RESOURCE_SERVER;
  const [client, auth] = [{ client_id: id }, oauth.ClientSecretPost(secret)];
  const answer = await oauth.introspectionRequest(as, client, auth, token, LOOPBACK);
  return oauth.processIntrospectionResponse(as, client, answer);
}

async function withKey() {
  const { privateKey, jwks } = await world.keyPair();
  const client = await register('private_key_jwt', { jwks });
  const auth = oauth.PrivateKeyJwt(privateKey);
  const asked = await request(client, 'mcp');
  const callback = await world.goes(address(asked.parameters));
  const answer = await redeem(client, auth, asked, callback);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer);
  const again = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, TARGET);
  await oauth.processRefreshTokenResponse(as, client, again);
}

async function device() {
  const [client, auth] = [await register('none'), oauth.None()];
  const wanted = { scope: 'mcp', resource: world.RESOURCE };
  const begun = await oauth.deviceAuthorizationRequest(as, client, auth, wanted, LOOPBACK);
  const waiting = await oauth.processDeviceAuthorizationResponse(as, client, begun);
  const ask = async () => {
    const answer = await oauth.deviceCodeGrantRequest(as, client, auth, waiting.device_code, LOOPBACK);
    return oauth.processDeviceCodeResponse(as, client, answer);
  };
  await assert.rejects(ask(), (error) => error.error === 'authorization_pending');
  await world.letsIn(waiting.verification_uri_complete);
  await new Promise((resolve) => setTimeout(resolve, waiting.interval * 1000));
  await takes((await ask()).access_token, LOOPBACK);
}

async function itself({ id, secret, keyFile }) {
  const client = { client_id: id };
  const auth = secret ? oauth.ClientSecretBasic(secret) : oauth.PrivateKeyJwt(await world.privateKey(keyFile));
  const wanted = { scope: 'mcp', resource: world.RESOURCE };
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, wanted, LOOPBACK);
  const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
  assert.equal(tokens.refresh_token, undefined);
  assert.equal((await told(tokens.access_token)).sub, id);
}

async function refusals() {
  const client = await register('none');
  const asked = await request(client, 'mcp');
  asked.parameters.set('resource', 'https://elsewhere.example/mcp');
  const answer = await fetch(address(asked.parameters), { redirect: 'manual' });
  const callback = new URL(answer.headers.get('location'));
  const no = () => oauth.validateAuthResponse(as, client, callback, asked.state);
  assert.throws(no, (error) => error.error === 'invalid_target');
  callback.searchParams.set('iss', 'https://evil.example');
  assert.throws(no, (error) => error.code === oauth.INVALID_RESPONSE);
}
