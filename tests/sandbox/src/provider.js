// SPDX-License-Identifier: Apache-2.0
// The certified provider underneath, configured to behave as PSC where its options allow.
import { errors, interactionPolicy, Provider } from 'oidc-provider';
import { PATHS } from './discovery.js';
import { escape, pageText } from './html.js';
import { sessionTtl } from './sessions.js';

function clientCertificate(ctx) {
  return ctx.socket.getPeerX509Certificate?.()?.toString();
}

// X509Certificate lists the subject most general part first; RFC 4514 wants it reversed.
function subjectMatches(ctx, property, expected) {
  const { subject } = ctx.socket.getPeerX509Certificate();
  return property === 'tls_client_auth_subject_dn'
    && subject.split('\n').reverse().join(',') === expected;
}

function withoutConsent() {
  const policy = interactionPolicy.base();
  policy.remove('consent'); // PSC asks for none
  return policy;
}

async function grantEverythingAsked(ctx) {
  const { client, provider, session } = ctx.oidc;
  const known = session.grantIdFor(client.clientId);
  const grant = (known && await provider.Grant.find(known))
    || new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope(ctx.oidc.params.scope);
  await grant.save();
  return grant;
}

function timesToLive(settings) {
  return {
    AccessToken: () => settings.access_ttl,
    AuthorizationCode: () => settings.code_ttl,
    BackchannelAuthenticationRequest: (ctx) => {
      const asked = ctx?.oidc?.params.requested_expiry;
      return asked ? Math.min(600, Number(asked)) : settings.ciba_ttl;
    },
    Grant: () => settings.session_ttl,
    IdToken: () => settings.id_ttl,
    Interaction: () => 600,
    RefreshToken: () => settings.refresh_ttl,
    Session: (ctx, session) => sessionTtl(settings, session.loginTs),
  };
}

function features(ciba) {
  const enabled = true;
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    // Services introspect the tokens they are shown, whoever obtained them.
    introspection: {
      enabled,
      allowedPolicy: async (ctx, { clientAuthMethod, clientId }, token) => (
        clientAuthMethod !== 'none' || token.clientId === clientId),
    },
    revocation: {
      enabled,
      allowedPolicy: async (ctx, { clientId }, token) => token.clientId === clientId,
    },
    pushedAuthorizationRequests: { enabled },
    rpInitiatedLogout: { enabled },
    claimsParameter: { enabled },
    ciba: ciba.feature(),
    mTLS: {
      enabled,
      tlsClientAuth: true,
      certificateBoundAccessTokens: true,
      getCertificate: clientCertificate,
      certificateAuthorized: (ctx) => ctx.socket.authorized,
      certificateSubjectMatches: subjectMatches,
    },
  };
}

export function makeProvider({
  issuer, settings, accounts, store, tokens, ciba, signingJwk, cookieKey,
}) {
  const checkAcr = async (ctx, acrValues) => {
    if (settings.require_eidas1 && acrValues !== 'eidas1') {
      throw new errors.InvalidRequest('acr_values must be eidas1');
    }
  };
  return new Provider(issuer, {
    adapter: store.adapter,
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt',
      'tls_client_auth'],
    clockTolerance: 0,
    cookies: { keys: [cookieKey] },
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
    extraParams: { acr_values: checkAcr, channel: ciba.validateChannel, kc_idp_hint: null },
    extraTokenClaims: tokens.extra,
    features: features(ciba),
    findAccount: (ctx, id) => accounts.find(id) && {
      accountId: id, claims: async () => ({ sub: id }), // tokens.js writes the others
    },
    interactions: { policy: withoutConsent(), url: (ctx, { uid }) => `/login/${uid}` },
    issueRefreshToken: async () => true, // PSC gives one without offline_access
    jwks: { keys: [signingJwk] },
    loadExistingGrant: grantEverythingAsked,
    renderError: async (ctx, { error, error_description: description = '' }) => {
      ctx.type = 'html';
      ctx.body = pageText('Erreur', `<p>${escape(error)}: ${escape(description)}</p>`);
    },
    rotateRefreshToken: () => settings.rotate_refresh,
    routes: PATHS,
    scopes: ['openid', 'scope_all'],
    ttl: timesToLive(settings),
  });
}
