// panva's oidc-provider, a certified OpenID provider, at http://127.0.0.1:PORT/oauth2, with PeeringDB's scopes and profile.
// Prints its base URL when it is ready, and ends with its standard input. Whoever comes to log in is Ada, and agrees.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env;
const ADA = {
  id: 7,
  name: 'Ada Admin',
  given_name: 'Ada',
  family_name: 'Admin',
  verified_user: true,
};
const NETWORKS = [{ id: 1, name: 'Example Net One', asn: 64500, perms: 15 }];

function configuration() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    clients: [{
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'RS256',
      require_auth_time: true,
    }],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['only for a test'] },
    scopes: ['openid', 'profile', 'email', 'networks', 'amr'],
    claims: {
      profile: Object.keys(ADA),
      email: ['email', 'email_verified'],
      networks: ['networks'],
    },
    conformIdTokenClaims: false, // like PeeringDB's, ID tokens have the claims of their scope
    findAccount: (_, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, ...ADA, email: 'ada@example.net', email_verified: true, networks: NETWORKS }),
    }),
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    interactions: { url: (_, interaction) => `/oauth2/interaction/${interaction.uid}` },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    pkce: { methods: ['S256'], required: () => true },
    ttl: { AccessToken: 36000, AuthorizationCode: 60, Grant: 36000, IdToken: 36000, Interaction: 600, RefreshToken: 36000, Session: 36000 },
  };
}

async function interact(provider, req, res) {
  const { prompt, params, session } = await provider.interactionDetails(req, res);
  const result = {};
  if (prompt.name === 'login') {
    result.login = { accountId: String(ADA.id), amr: ['pwd', 'otp', 'mfa'] };
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result.consent = { grantId: await grant.save() };
  }
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
}

async function profile(provider, req, res) {
  const token = await provider.AccessToken.find(req.headers.authorization?.replace(/^Bearer /, '') ?? '');
  if (!token?.scopes.has('profile')) {
    res.writeHead(403, { 'Content-Type': 'text/html; charset=utf-8' }).end();
    return;
  }
  const body = { ...ADA };
  if (token.scopes.has('email')) Object.assign(body, { email: 'ada@example.net', verified_email: true });
  if (token.scopes.has('networks')) body.networks = NETWORKS.map((network) => ({ ...network, manage_peering_sessions: 15 }));
  if (token.scopes.has('amr')) body.amr = ['pwd', 'otp', 'mfa'];
  res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const baseURL = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(`${baseURL}/oauth2`, configuration());
  const answer = provider.callback();
  server.on('request', async (req, res) => {
    if (req.url === '/profile/v1') {
      await profile(provider, req, res);
    } else if (req.url.startsWith('/oauth2/interaction/')) {
      await interact(provider, req, res);
    } else if (req.url.startsWith('/oauth2/')) {
      req.originalUrl = req.url; // this is how it learns where it is mounted
      req.url = req.url.slice('/oauth2'.length);
      answer(req, res);
    } else {
      res.writeHead(404).end();
    }
  });
  console.log(baseURL);
});
process.stdin.on('end', () => process.exit()).resume();
