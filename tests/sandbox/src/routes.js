// SPDX-License-Identifier: Apache-2.0
// Which address means what, on which listener.
import { API_DISCOVERY } from './api-server.js';
import { CIBA_GRANT } from './clients.js';
import { PATHS } from './discovery.js';

export const MOUNT = '/auth/realms/esante-wallet';

const GRANTS = { authorization_code: 'code', refresh_token: 'refresh', [CIBA_GRANT]: 'ciba' };

const NAMES = {
  token: 'token',
  introspection: 'introspect',
  userinfo: 'userinfo',
  end_session: 'logout',
  revocation: 'revoke',
  jwks: 'jwks',
  backchannel_authentication: 'ciba_auth',
  pushed_authorization_request: 'par',
};
const BACK_CHANNEL = new Map(Object.entries(NAMES).map(([key, name]) => (
  [MOUNT + PATHS[key], name])));
const STANDARD_DISCOVERY = `${MOUNT}/.well-known/openid-configuration`;
const WALLET_DISCOVERY = `${MOUNT}/.well-known/wallet-openid-configuration`;
const AUTHORIZATION = MOUNT + PATHS.authorization;
const LOGOUT_STEPS = ['confirm', 'success'].map((step) => `${MOUNT}${PATHS.end_session}/${step}`);

// Pages a browser visits, on the wallet's host or the issuer's. `path` is the provider's own.
function browserRoute(path) {
  if (path === AUTHORIZATION) return { name: 'authorize', path };
  if (path.startsWith(`${AUTHORIZATION}/`)) return { name: 'resume', path };
  if (LOGOUT_STEPS.includes(path)) return { name: 'logout_step', path };
  return undefined;
}

function backChannelRoute(path) {
  if (path === WALLET_DISCOVERY || path === STANDARD_DISCOVERY) {
    return { name: 'discovery', wallet: path === WALLET_DISCOVERY, path: STANDARD_DISCOVERY };
  }
  const name = BACK_CHANNEL.get(path);
  return name && { name, path };
}

// The e-Santé proxy's API.
function proxyRoute(path) {
  const [, action] = /^\/(connect|disconnect|traces|check\/alive|send)(?:\/|$)/.exec(path) ?? [];
  return action && { name: `proxy_${action.replace('/', '_')}`, path };
}

// The authorization server of an API.
const API_ROUTES = { '/token': 'api_token', [API_DISCOVERY]: 'api_discovery' };

// listener: auth, mtls, wallet, cps, proxy or api. Undefined when nothing is there.
export function routeOf(listener, path) {
  const [, uid, action = ''] = /^\/login\/([\w-]+)(?:\/(\w+))?$/.exec(path) ?? [];
  if (uid) return listener === 'mtls' ? undefined : { name: 'login', uid, action };
  if (listener === 'cps') return undefined;
  if (listener === 'proxy') return proxyRoute(path);
  if (listener === 'api') return API_ROUTES[path] && { name: API_ROUTES[path], path };
  if (listener === 'wallet') {
    if (path === '/auth' || path === '/auth/') return { name: 'authorize', path: AUTHORIZATION };
    return path === AUTHORIZATION ? undefined : browserRoute(path);
  }
  return backChannelRoute(path) ?? browserRoute(path);
}

export const grantOf = (params) => GRANTS[params.grant_type];
