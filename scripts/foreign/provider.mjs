// npm oidc-provider as an authorization server that nobody here wrote.
// usage: node provider.mjs PORT PEM-OF-A-CLIENT KEYS
//
// KEYS is a file with the private keys that tokens are signed with, the first one the active one.
// Public clients get JWTs, all others opaque tokens, unless their name says something else.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, pem, keys] = process.argv.slice(2);
const key = createPublicKey(readFileSync(pem)).export({ format: 'jwk' });
const client = (client_id, more) => ({
  client_id,
  client_secret: `secret of ${client_id}`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  ...more,
});
const isForJwts = ({ clientId, clientAuthMethod }) => clientId === 'agent-jwt' || clientAuthMethod === 'none';

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    client('basic', { token_endpoint_auth_method: 'client_secret_basic' }),
    client('post', { token_endpoint_auth_method: 'client_secret_post' }),
    client('private_key_jwt', {
      client_secret: undefined,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [{ ...key, use: 'sig' }] },
    }),
    // A public client that asks about tokens says who it is, and nothing else.
    client('none', {
      client_secret: undefined,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1:41791/callback'],
    }),
    client('agent-opaque', { token_endpoint_auth_method: 'client_secret_post' }),
    client('agent-jwt', { token_endpoint_auth_method: 'client_secret_post' }),
    // Known beforehand: one that registers itself gets the scope of its first request and no more.
    client('stepping-up', {
      client_secret: undefined,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1:41789/oauth/callback', 'http://127.0.0.1:41790/callback'],
    }),
  ],
  jwks: { keys: JSON.parse(readFileSync(keys)) },
  scopes: ['mcp', 'mcp:diagnostics', 'offline_access'],
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
  features: {
    clientCredentials: { enabled: true },
    // Its own login and consent pages, which take every name and password.
    devInteractions: { enabled: true },
    registration: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      // What a client asks for is what it gets, so that a token can be for somebody else.
      getResourceServerInfo: (_, indicator, asking) => ({
        scope: 'mcp mcp:diagnostics',
        audience: indicator,
        accessTokenFormat: isForJwts(asking) ? 'jwt' : 'opaque',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
const server = provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
// Node closes idle connections after five seconds, which a client that is about to reuse one notices.
server.keepAliveTimeout = 120_000;
