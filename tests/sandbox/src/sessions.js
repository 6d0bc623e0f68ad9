// SPDX-License-Identifier: Apache-2.0
// PSC sessions: their length counts from the login, and ending one takes its tokens along.
const now = () => Math.floor(Date.now() / 1000);

export const sessionTtl = (settings, loginTs = now()) => (
  Math.max(1, loginTs + settings.session_ttl - now()));

// A session without a browser, for a CIBA login.
export async function addSession(provider, settings, { accountId, clientId, grantId, acr, amr }) {
  const session = new provider.Session();
  session.loginAccount({ accountId, acr, amr });
  session.ensureClientContainer(clientId);
  session.grantIdFor(clientId, grantId);
  await session.save(sessionTtl(settings));
  return session;
}

// Ends a session whatever browser it belongs to. False when there is none.
export async function endSession(provider, uid) {
  const session = await provider.Session.findByUid(uid);
  if (!session) return false;
  const models = [provider.AccessToken, provider.AuthorizationCode, provider.RefreshToken,
    provider.BackchannelAuthenticationRequest];
  for (const { grantId } of Object.values(session.authorizations ?? {})) {
    await Promise.all(models.map((model) => model.revokeByGrantId(grantId)));
    await provider.Grant.adapter.destroy(grantId);
  }
  await session.destroy();
  return true;
}
