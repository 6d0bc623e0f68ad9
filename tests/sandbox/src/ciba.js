// SPDX-License-Identifier: Apache-2.0
// CIBA as PSC does it: a two-digit binding message, a channel, poll only, slow_down.
import { errors } from 'oidc-provider';
import { addSession } from './sessions.js';

const EARLY_TOLERANCE_MS = 50; // a client's timer may fire that much before ours

export class Ciba {
  #lastPoll = new Map();

  constructor({ settings, accounts, phone }) {
    Object.assign(this, { settings, accounts, phone });
  }

  reset() { this.#lastPoll.clear(); }

  // The ciba feature for the provider's configuration.
  feature() {
    return {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: async (ctx, hint) => this.accounts.find(hint)?.id,
      processLoginHintToken: async () => undefined,
      validateRequestContext: async () => {},
      verifyUserCode: async () => {},
      validateBindingMessage: async (ctx, message) => {
        if (!/^\d{2}$/.test(message ?? '')) {
          throw new errors.InvalidBindingMessage('binding_message must be two digits');
        }
      },
      triggerAuthenticationDevice: (ctx, request) => this.#ring(ctx, request),
    };
  }

  // channel is a parameter of PSC's own.
  validateChannel = async (ctx, channel) => {
    if (ctx.oidc.route !== 'backchannel_authentication') return;
    if (channel === undefined && !this.settings.require_channel) return;
    if (channel !== 'MOBILE' && channel !== 'CARD') {
      throw new errors.InvalidRequest('channel must be MOBILE or CARD');
    }
  };

  async #ring(ctx, request) {
    const { provider } = ctx.oidc;
    const channel = request.params.channel ?? 'MOBILE';
    this.phone.push({
      kind: 'ciba',
      login: request.accountId,
      client: request.clientId,
      channel,
      digits: request.params.binding_message,
      ttl: request.expiration,
      onDecision: (approved) => (approved
        ? this.#approve(provider, request, channel)
        : provider.backchannelResult(request.jti, new errors.AccessDenied('refused by the user'))),
    });
  }

  async #approve(provider, { jti, accountId, clientId, scope }, channel) {
    const grant = new provider.Grant({ accountId, clientId });
    grant.addOIDCScope(scope);
    const login = {
      acr: this.settings.acr[channel] ?? undefined,
      amr: [this.settings.auth_mode[channel]],
    };
    const session = await addSession(provider, this.settings, {
      accountId, clientId, grantId: await grant.save(), ...login,
    });
    await provider.backchannelResult(jti, grant, {
      ...login, authTime: session.authTime(), sessionUid: session.uid, expiresWithSession: true,
    });
  }

  dressRequestAnswer(ctx) {
    ctx.body.interval = this.settings.ciba_interval;
  }

  // The provider answers authorization_pending however fast one polls: PSC's Keycloak does not.
  dressPendingPoll(ctx) {
    const { auth_req_id: id } = ctx.oidc.params;
    const last = this.#lastPoll.get(id);
    this.#lastPoll.set(id, Date.now());
    const interval = this.settings.ciba_interval * 1000 - EARLY_TOLERANCE_MS;
    if (last === undefined || Date.now() - last >= interval) return;
    ctx.body = { error: 'slow_down', error_description: 'polled before the interval' };
  }
}
