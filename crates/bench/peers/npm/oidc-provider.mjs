// npm oidc-provider with one resource: a client that introspects, and a public client that refreshes.
// Tokens are kept in its own memory. usage: node oidc-provider.mjs tokens PORT
//
// POST /seed?count=N is ours: it makes tokens of so many logins, which are otherwise made in a browser.
import { Provider } from 'oidc-provider';

const [, port] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const resource = 'http://localhost:1/mcp';
const scope = 'mcp offline_access';

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'resource',
      client_secret: 'secret',
      grant_types: [],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    {
      client_id: 'public',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1:1/callback'],
      token_endpoint_auth_method: 'none',
    },
  ],
  scopes: ['mcp', 'offline_access'],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'mcp', audience: resource, accessTokenFormat: 'opaque' }),
    },
  },
});

async function login(client) {
  const grant = new provider.Grant({ accountId: 'alice', clientId: client.clientId });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(resource, 'mcp');
  const grantId = await grant.save();
  const common = { accountId: 'alice', client, grantId, gty: 'authorization_code' };
  const refresh = new provider.RefreshToken({ ...common, scope, resource });
  const access = new provider.AccessToken({ ...common, scope: 'mcp' });
  access.setAudience(resource);
  return { access: await access.save(), refresh: await refresh.save() };
}

provider.use(async (ctx, next) => {
  if (ctx.path !== '/seed') return next();
  const client = await provider.Client.find('public');
  const count = Number(ctx.query.count);
  ctx.body = await Promise.all(Array.from({ length: count }, () => login(client)));
});
provider.listen(Number(port), '127.0.0.1');
