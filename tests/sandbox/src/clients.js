// SPDX-License-Identifier: Apache-2.0
// The registered clients: one for each authentication method.
import { createPublicKey } from 'node:crypto';
import { MTLS_SUBJECT } from './pki.js';

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba';
const PATHS = ['/', '/callback', '/cb', '/psc/callback'];
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
const FIXED_PORTS = [8123, 8124, 8125];

// Native clients: registered without a port, any port then matches (RFC 8252 §7.3).
const ANY_PORT = LOOPBACK.flatMap((host) => PATHS.map((path) => `http://${host}${path}`));
const FIXED = LOOPBACK.flatMap((host) => FIXED_PORTS.map((port) => (
  `http://${host}:${port}/callback`)));

const subjectDn = [...MTLS_SUBJECT].reverse().map((rdn) => rdn.join('=')).join(',');

const complete = (client) => ({
  grant_types: ['authorization_code', 'refresh_token', CIBA_GRANT],
  response_types: ['code'],
  backchannel_token_delivery_mode: 'poll',
  application_type: 'native',
  redirect_uris: ANY_PORT,
  post_logout_redirect_uris: ANY_PORT,
  ...client,
});

function builtin(pki) {
  const jwk = createPublicKey(pki.read('client-jwt.key')).export({ format: 'jwk' });
  const mtls = {
    token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: subjectDn,
  };
  return [
    { client_id: 'psc-public', token_endpoint_auth_method: 'none' },
    {
      client_id: 'psc-basic', token_endpoint_auth_method: 'client_secret_basic',
      client_secret: 'SandboxBasicSecret1',
    },
    // Every character here must be form-encoded before base64 (RFC 6749 §2.3.1).
    {
      client_id: 'psc-basic-odd', token_endpoint_auth_method: 'client_secret_basic',
      client_secret: 'a%b:c+d e/f&g=h-._~',
    },
    {
      client_id: 'psc-post', token_endpoint_auth_method: 'client_secret_post',
      client_secret: 'SandboxPostSecret1',
    },
    { client_id: 'psc-mtls', ...mtls },
    { client_id: 'psc-mtls-bound', ...mtls, tls_client_certificate_bound_access_tokens: true },
    {
      client_id: 'psc-jwt', token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...jwk, kid: 'client-jwt', use: 'sig', alg: 'RS256' }] },
    },
    // As PSC registers them: the exact redirect URI, port included.
    {
      client_id: 'psc-fixed', token_endpoint_auth_method: 'client_secret_basic',
      client_secret: 'SandboxFixedSecret1', application_type: 'web', redirect_uris: FIXED,
      post_logout_redirect_uris: FIXED,
    },
  ];
}

export class Clients {
  #store; #pki;

  constructor(store, pki) {
    this.#store = store.adapter('Client');
    this.#pki = pki;
    this.register();
  }

  // Called again after the store was emptied.
  register() {
    for (const client of builtin(this.#pki)) this.add(client);
  }

  add(client) {
    if (typeof client.client_id !== 'string') throw new TypeError('client_id is missing');
    this.#store.upsert(client.client_id, complete(client));
  }

  // For the ready line: what a program needs to use each client.
  summary() {
    const files = {
      tls_client_auth: {
        certificate: this.#pki.path('client-mtls.pem'), key: this.#pki.path('client-mtls.key'),
      },
      private_key_jwt: { key: this.#pki.path('client-jwt.key'), kid: 'client-jwt' },
    };
    return Object.fromEntries(builtin(this.#pki).map((client) => [client.client_id, {
      auth: client.token_endpoint_auth_method,
      ...(client.client_secret && { secret: client.client_secret }),
      ...files[client.token_endpoint_auth_method],
      redirect_uris: client.redirect_uris ?? ANY_PORT,
    }]));
  }
}
