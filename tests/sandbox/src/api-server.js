// SPDX-License-Identifier: Apache-2.0
// The authorization server of a national API: exchanges a PSC access token for one of its own
// (RFC 8693), bound to the client's certificate (RFC 8705). It asks PSC whether the
// token is good, as the real ones do.
import { createHash, randomUUID } from 'node:crypto';
import { edit } from './dress.js';
import { MTLS_SUBJECT } from './pki.js';
import { thumbprint } from './tokens.js';

export const API_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const API_DISCOVERY = '/.well-known/openid-configuration';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const AUDIENCES = ['https://api.example.test/dmp', 'https://api.example.test/insi'];
const SCOPES = ['dmp.read', 'dmp.write'];

const subjectDn = [...MTLS_SUBJECT].map((rdn) => rdn.join('=')).join('\n');

export const API_CLIENTS = {
  'lps-api': { auth: 'tls_client_auth' },
  'lps-api-basic': { auth: 'client_secret_basic', secret: 'SandboxApiSecret1' },
};

class Refusal extends Error {
  constructor(error, description, status = 400) {
    super(description);
    Object.assign(this, { error, status });
  }
}

const list = (value) => (value === undefined ? [] : [value].flat());

function credentials({ headers: { authorization = '' } }) {
  const [, encoded] = /^Basic (.+)$/.exec(authorization) ?? [];
  if (!encoded) return [];
  return Buffer.from(encoded, 'base64').toString().split(':').map(decodeURIComponent);
}

export class ApiServer {
  constructor({ provider, keys, settings, faults, urls }) {
    Object.assign(this, { provider, keys, settings, faults, urls });
  }

  #certificateOf(req) {
    const certificate = req.socket.getPeerX509Certificate?.();
    return req.socket.authorized ? certificate : undefined;
  }

  #client(req, params) {
    const [basicId, secret] = credentials(req);
    const id = basicId ?? params.client_id;
    const client = API_CLIENTS[id];
    const proved = client?.auth === 'tls_client_auth'
      ? this.#certificateOf(req)?.subject === subjectDn
      : client !== undefined && client.secret === secret;
    if (!proved) throw new Refusal('invalid_client', 'unknown client', 401);
    return id;
  }

  async #subject({ subject_token: token, subject_token_type: type }) {
    if (![`${TYPE}access_token`, `${TYPE}jwt`].includes(type)) {
      throw new Refusal('invalid_request', 'subject_token_type');
    }
    const opaque = this.settings.access_token === 'opaque';
    const handle = opaque ? token : this.keys.open(token)?.jti;
    const known = handle && await this.provider.AccessToken.find(handle);
    if (!known?.isValid) throw new Refusal('invalid_request', 'the subject token is not active');
    return known.accountId;
  }

  #check(params) {
    if (params.grant_type !== API_GRANT) throw new Refusal('unsupported_grant_type', 'grant_type');
    const wanted = params.requested_token_type;
    if (wanted !== undefined && ![`${TYPE}access_token`, `${TYPE}jwt`].includes(wanted)) {
      throw new Refusal('invalid_request', 'requested_token_type');
    }
    const targets = [...list(params.audience), ...list(params.resource)];
    if (targets.some((one) => !AUDIENCES.includes(one))) {
      throw new Refusal('invalid_target', 'unknown audience');
    }
    if ((params.scope ?? '').split(' ').filter(Boolean).some((one) => !SCOPES.includes(one))) {
      throw new Refusal('invalid_scope', 'unknown scope');
    }
    return targets.length ? targets : [AUDIENCES[0]];
  }

  #confirmation(req) {
    const certificate = this.#certificateOf(req);
    const { api_cnf: how, cnf_encoding: encoding } = this.settings;
    if (how === 'none' || !certificate) return undefined;
    const bytes = how === 'other' ? Buffer.from('another certificate') : certificate.raw;
    const x5t = createHash('sha256').update(bytes).digest('base64url');
    return { 'x5t#S256': how === 'nonsense' ? 'nonsense' : thumbprint(x5t, encoding) };
  }

  async api_token(req, params) {
    const client = this.#client(req, params);
    const audience = this.#check(params);
    const sub = await this.#subject(params);
    const now = Math.floor(Date.now() / 1000);
    const life = this.settings.api_ttl;
    const cnf = this.#confirmation(req);
    const token = this.keys.sign({
      iss: this.urls.apiIssuer, sub, aud: audience, client_id: client, iat: now, exp: now + life,
      jti: randomUUID(), scope: params.scope, ...(cnf && { cnf }),
    }, { typ: 'at+jwt' });
    return {
      access_token: this.settings.api_token === 'opaque' ? randomUUID() : token,
      issued_token_type: params.requested_token_type ?? `${TYPE}access_token`,
      token_type: 'Bearer',
      expires_in: life,
      refresh_token: randomUUID(), // an agent has no use for it: it exchanges again
      ...(params.scope && { scope: params.scope }),
    };
  }

  async api_discovery() {
    return {
      issuer: this.urls.apiIssuer,
      token_endpoint: `${this.urls.apiIssuer}/token`,
      grant_types_supported: [API_GRANT],
      tls_client_certificate_bound_access_tokens: true,
    };
  }

  async handle(req, res, { route, params }) {
    let [status, answer] = [200, undefined];
    try {
      answer = await this[route.name](req, params);
      for (const fault of this.faults.take(route, 'after')) edit(answer, fault);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      ({ status } = error);
      answer = { error: error.error, error_description: error.message };
    }
    res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    res.end(JSON.stringify(answer));
  }
}
