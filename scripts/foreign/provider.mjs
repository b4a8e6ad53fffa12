// npm oidc-provider as an authorization server that nobody here wrote.
// usage: node provider.mjs PORT PEM-OF-A-CLIENT
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, pem] = process.argv.slice(2);
const key = createPublicKey(readFileSync(pem)).export({ format: 'jwk' });
const client = (client_id, more) => ({
  client_id,
  client_secret: `secret of ${client_id}`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  ...more,
});

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
    client('agent-opaque', { token_endpoint_auth_method: 'client_secret_post' }),
    client('agent-jwt', { token_endpoint_auth_method: 'client_secret_post' }),
  ],
  scopes: ['mcp'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      // What a client asks for is what it gets, so that a token can be for somebody else.
      getResourceServerInfo: (_, indicator, { clientId }) => ({
        scope: 'mcp',
        audience: indicator,
        accessTokenFormat: clientId === 'agent-jwt' ? 'jwt' : 'opaque',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
