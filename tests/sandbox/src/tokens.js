// SPDX-License-Identifier: Apache-2.0
// Makes the provider's tokens and answers look like PSC's: access tokens and ID tokens as
// Keycloak writes them, UserInfo and introspection with PSC's members.
import { createHash, randomUUID } from 'node:crypto';
import { forge } from './idtoken-faults.js';

const now = () => Math.floor(Date.now() / 1000);
const leftHalf = (token) => (
  createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url'));

// ANS's own fixtures encode the hexadecimal digest again, padded; RFC 8705 the 32 bytes.
export function thumbprint(x5t, encoding) {
  if (encoding !== 'ans') return x5t;
  return Buffer.from(Buffer.from(x5t, 'base64url').toString('hex')).toString('base64');
}

// What a code, a CIBA request or a refresh token remembers of the login. The provider's amr field
// carries the authentication mode: PSC's tokens have no amr.
function loginOf(source) {
  return {
    auth_mode: source.amr?.[0], acr: source.acr, auth_time: source.authTime,
    session: source.sessionUid,
  };
}

export function sourceOf({ entities }) {
  return entities.AuthorizationCode ?? entities.BackchannelAuthenticationRequest
    ?? entities.RefreshToken;
}

export class Tokens {
  constructor({ keys, settings, accounts, issuer }) {
    Object.assign(this, { keys, settings, accounts, issuer });
  }

  // Kept with the access token by the provider, as what UserInfo and introspection need later.
  extra = (ctx) => loginOf(sourceOf(ctx.oidc) ?? {});

  #person(accountId) {
    return {
      sub: this.accounts.subject(accountId), preferred_username: accountId,
    };
  }

  #accessToken(ctx, clientId) {
    const { AccessToken: token } = ctx.oidc.entities;
    const { auth_mode: authMode, acr, auth_time: authTime, session } = token.extra;
    const x5t = token['x5t#S256'];
    return this.keys.sign({
      exp: now() + token.expiration,
      iat: now(),
      auth_time: authTime,
      jti: token.jti,
      iss: this.issuer,
      ...this.#person(token.accountId),
      typ: 'Bearer',
      azp: clientId,
      nonce: '',
      session_state: session,
      sid: session,
      acr,
      scope: token.scope,
      authMode,
      otherIds: this.accounts.userInfo(token.accountId).otherIds,
      ...(x5t && { cnf: { 'x5t#S256': thumbprint(x5t, this.settings.cnf_encoding) } }),
    });
  }

  #idTokenClaims(source, clientId, accessToken) {
    const { auth_mode: authMode, acr, auth_time: authTime, session } = loginOf(source);
    const { given_name: given, family_name: family } = this.accounts.userInfo(source.accountId);
    return {
      exp: now() + this.settings.id_ttl,
      iat: now(),
      auth_time: authTime,
      jti: randomUUID(),
      iss: this.issuer,
      aud: clientId,
      ...this.#person(source.accountId),
      typ: 'ID',
      azp: clientId,
      nonce: source.nonce,
      session_state: session,
      at_hash: leftHalf(accessToken),
      sid: session,
      authMode,
      acr,
      SubjectNameID: source.accountId,
      given_name: given,
      family_name: family,
    };
  }

  // faults: those of kind idt to apply to this ID token.
  dressTokenAnswer(ctx, faults) {
    const { body, oidc } = ctx;
    const { clientId } = oidc.client;
    const source = sourceOf(oidc);
    if (this.settings.access_token === 'jwt') {
      body.access_token = this.#accessToken(ctx, clientId);
    }
    if (body.id_token) {
      const refreshed = oidc.params.grant_type === 'refresh_token';
      body.id_token = refreshed && !this.settings.refresh_id_token ? undefined : forge({
        claims: this.#idTokenClaims(source, clientId, body.access_token),
        keys: this.keys,
        faults: faults.filter(({ login = source.accountId }) => login === source.accountId),
      });
    }
    if (body.refresh_token) body.refresh_expires_in = this.settings.refresh_ttl;
    body['not-before-policy'] = 0;
    body.session_state = source.sessionUid;
  }

  dressUserInfo(ctx) {
    const { AccessToken: token } = ctx.oidc.entities;
    ctx.body.sub = this.accounts.subject(token.accountId);
    if (token.scopes.has('scope_all')) {
      Object.assign(ctx.body, this.accounts.userInfo(token.accountId));
      ctx.body.authMode = token.extra.auth_mode;
    }
    if (this.settings.userinfo === 'jwt') {
      ctx.body = this.keys.sign({ ...ctx.body, iss: this.issuer, aud: token.clientId });
      ctx.type = 'application/jwt';
    }
  }

  dressIntrospection(ctx) {
    const { entities } = ctx.oidc;
    const token = entities.AccessToken ?? entities.RefreshToken;
    const { auth_mode: authMode, acr, auth_time: authTime, session } = (
      entities.AccessToken ? token.extra : loginOf(token));
    const { token_type: type, auth_mode, session: unused, cnf, ...known } = ctx.body;
    ctx.body = {
      ...known,
      ...this.#person(token.accountId),
      jti: token.jti,
      typ: entities.AccessToken ? 'Bearer' : 'Refresh',
      azp: token.clientId,
      auth_time: authTime,
      session_state: session,
      sid: session,
      acr,
      authMode,
      username: token.accountId,
    };
    if (!entities.AccessToken) return; // PSC names the person for access tokens only
    ctx.body.SubjectNameID = token.accountId;
    ctx.body.otherIds = this.accounts.userInfo(token.accountId).otherIds;
    if (cnf) {
      ctx.body.cnf = { 'x5t#S256': thumbprint(cnf['x5t#S256'], this.settings.cnf_encoding) };
    }
  }

  // The handle the provider knows, for a token as the client holds it. A token we did not sign,
  // or a bare handle where JWTs are in use, becomes a value that exists nowhere.
  #handle(token) {
    if (this.settings.access_token !== 'jwt' || typeof token !== 'string') return token;
    return this.keys.open(token)?.jti ?? 'unknown';
  }

  unwrapRequest(req, route, params) {
    const [, bearer] = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '') ?? [];
    if (bearer) req.headers.authorization = `Bearer ${this.#handle(bearer)}`;
    if (params.access_token) params.access_token = this.#handle(params.access_token);
    const takesToken = route.name === 'introspect' || route.name === 'revoke';
    // Refresh tokens are opaque handles already: only a JWT is opened here.
    if (takesToken && params.token?.includes('.')) params.token = this.#handle(params.token);
  }
}
