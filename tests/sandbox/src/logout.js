// SPDX-License-Identifier: Apache-2.0
// Logout with an id_token_hint ends the session that the hint names, cookie or not, as Keycloak
// does. (Without a hint the provider's own confirmation page answers.)
import { page } from './html.js';
import { endSession } from './sessions.js';

function refuse(res, description) {
  res.writeHead(400, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ error: 'invalid_request', error_description: description }));
}

function goBack(res, target, state) {
  const url = new URL(target);
  if (state !== undefined) url.searchParams.set('state', state);
  res.writeHead(302, { location: url.href }).end();
}

export function logoutHandler({ provider, keys, settings }) {
  return async (req, res, params) => {
    const { id_token_hint: hint, post_logout_redirect_uri: target, state } = params;
    const claims = keys.open(hint); // an expired hint is a good hint
    if (!claims || claims.typ !== 'ID') return refuse(res, 'invalid id_token_hint');
    const client = await provider.Client.find(claims.aud);
    if (!client || (params.client_id && params.client_id !== claims.aud)) {
      return refuse(res, 'client_id does not match id_token_hint');
    }
    if (target !== undefined && !client.postLogoutRedirectUriAllowed(target)) {
      return refuse(res, 'post_logout_redirect_uri is not registered');
    }
    await endSession(provider, claims.sid);
    if (target !== undefined) return goBack(res, target, settings.logout_state ? state : undefined);
    if (req.method === 'POST' && !/html/.test(req.headers.accept ?? '')) {
      return res.writeHead(204).end();
    }
    return page(res, 'Session fermée', '<p>Vous êtes déconnecté du bac à sable.</p>');
  };
}
