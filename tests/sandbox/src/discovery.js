// SPDX-License-Identifier: Apache-2.0
// The discovery documents. Fields follow the snapshots of PSC's own: long Keycloak lists, a
// meaningless acr_values_supported, an authorization endpoint on another host than the issuer.
const rsaAndEc = ['PS384', 'ES384', 'RS384', 'ES256', 'RS256', 'ES512', 'PS256', 'PS512', 'RS512'];
const withHmac = [...rsaAndEc, 'HS256', 'HS512', 'HS384'];
const encryptionAlgs = ['RSA-OAEP', 'RSA-OAEP-256', 'RSA1_5'];
const encryptionEncs = ['A256GCM', 'A192GCM', 'A128GCM', 'A128CBC-HS256', 'A192CBC-HS384',
  'A256CBC-HS512'];
const authMethods = ['private_key_jwt', 'client_secret_basic', 'client_secret_post',
  'tls_client_auth', 'client_secret_jwt'];

export const PATHS = {
  token: '/protocol/openid-connect/token',
  introspection: '/protocol/openid-connect/token/introspect',
  userinfo: '/protocol/openid-connect/userinfo',
  end_session: '/protocol/openid-connect/logout',
  revocation: '/protocol/openid-connect/revoke',
  jwks: '/protocol/openid-connect/certs',
  authorization: '/protocol/openid-connect/auth',
  backchannel_authentication: '/protocol/openid-connect/ext/ciba/auth',
  pushed_authorization_request: '/protocol/openid-connect/ext/par/request',
};

function endpoints(base) {
  return {
    token_endpoint: base + PATHS.token,
    introspection_endpoint: base + PATHS.introspection,
    userinfo_endpoint: base + PATHS.userinfo,
    revocation_endpoint: base + PATHS.revocation,
    backchannel_authentication_endpoint: base + PATHS.backchannel_authentication,
    pushed_authorization_request_endpoint: base + PATHS.pushed_authorization_request,
  };
}

// wallet: the document at PSC's own path; otherwise Keycloak's, whose authorization endpoint is
// on the issuer's host.
export function discoveryDocument({ issuer, walletUrl, mtlsIssuer }, { wallet }) {
  return {
    issuer,
    authorization_endpoint: wallet ? walletUrl : issuer + PATHS.authorization,
    ...endpoints(issuer),
    end_session_endpoint: issuer + PATHS.end_session,
    jwks_uri: issuer + PATHS.jwks,
    check_session_iframe: `${issuer}/protocol/openid-connect/login-status-iframe.html`,
    mtls_endpoint_aliases: endpoints(mtlsIssuer),
    grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'password',
      'client_credentials', 'urn:openid:params:grant-type:ciba',
      'urn:ietf:params:oauth:grant-type:device_code'],
    acr_values_supported: ['0', '0'],
    response_types_supported: ['code', 'none', 'id_token', 'token', 'id_token token',
      'code id_token', 'code token', 'code id_token token'],
    response_modes_supported: ['query', 'fragment', 'form_post', 'query.jwt', 'fragment.jwt',
      'form_post.jwt', 'jwt'],
    subject_types_supported: ['public', 'pairwise'],
    id_token_signing_alg_values_supported: withHmac,
    id_token_encryption_alg_values_supported: encryptionAlgs,
    id_token_encryption_enc_values_supported: encryptionEncs,
    userinfo_signing_alg_values_supported: [...withHmac, 'none'],
    request_object_signing_alg_values_supported: [...withHmac, 'none'],
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: withHmac,
    introspection_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_methods_supported: authMethods,
    claims_supported: ['aud', 'sub', 'iss', 'auth_time', 'name', 'given_name', 'family_name',
      'preferred_username', 'email', 'acr'],
    claim_types_supported: ['normal'],
    claims_parameter_supported: true,
    scopes_supported: ['openid', 'scope_all', 'profile', 'email', 'address', 'phone', 'roles',
      'rpps', 'referentiel', 'identity', 'interop', 'acr', 'eidas1', 'eidas2', 'offline_access',
      'microprofile-jwt', 'web-origins', 'basic'],
    request_parameter_supported: true,
    request_uri_parameter_supported: true,
    require_request_uri_registration: true,
    code_challenge_methods_supported: ['plain', 'S256'],
    tls_client_certificate_bound_access_tokens: true,
    backchannel_token_delivery_modes_supported: ['poll', 'ping'],
    backchannel_authentication_request_signing_alg_values_supported: rsaAndEc,
    require_pushed_authorization_requests: false,
    frontchannel_logout_supported: true,
    frontchannel_logout_session_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    authorization_response_iss_parameter_supported: true,
  };
}
