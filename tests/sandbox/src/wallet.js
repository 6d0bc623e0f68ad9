// SPDX-License-Identifier: Apache-2.0
// The wallet's login page: carte CPS (over mutual TLS), e-CPS, cancel.
import { escape, page } from './html.js';
import { twoDigits } from './phone.js';
import { endSession } from './sessions.js';

const MAX_WAIT_S = 60;
const now = () => Math.floor(Date.now() / 1000);
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms).unref(); });

export class Wallet {
  #waiting = new Map(); // interaction uid -> { login, digits, expires, approved, decided }

  constructor({ provider, settings, accounts, phone, ports }) {
    Object.assign(this, { provider, settings, accounts, phone, ports });
  }

  reset() { this.#waiting.clear(); }

  async handle(req, res, { action, uid, listener, params }) {
    let interaction;
    try {
      interaction = await this.provider.interactionDetails(req, res);
    } catch {
      return page(res, 'Demande expirée', '<p>Recommencez la connexion.</p>', { status: 400 });
    }
    if (listener === 'cps' && action === 'cps') return this.#card(req, res, interaction);
    if (listener === 'cps') return page(res, 'Introuvable', '', { status: 404 });
    if (action === '') return this.#choose(req, res, uid);
    if (action === 'cancel') return this.#finish(req, res, interaction, { error: 'access_denied' });
    if (action === 'ecps') {
      return req.method === 'POST' ? this.#ring(res, uid, interaction, params)
        : this.#wait(req, res, uid, interaction, params);
    }
    return page(res, 'Introuvable', '', { status: 404 });
  }

  #choose(req, res, uid) {
    const { hostname } = new URL(`https://${req.headers.host}`);
    const cps = `https://${hostname}:${this.ports.cps}/login/${uid}/cps`;
    page(res, 'Pro Santé Connect (bac à sable)', `
<p><a class="button" id="cps" href="${escape(cps)}">Se connecter avec la carte CPS</a></p>
<form id="ecps" method="post" action="/login/${uid}/ecps">
<label>Identifiant national <input name="identifiant" autocomplete="off"></label>
<button>Se connecter avec e-CPS</button></form>
<p><a id="cancel" href="/login/${uid}/cancel">Annuler</a></p>`);
  }

  #card(req, res, interaction) {
    const certificate = req.socket.getPeerX509Certificate();
    if (!certificate || !req.socket.authorized) {
      const reason = certificate ? req.socket.authorizationError : 'no certificate';
      return page(res, 'Carte refusée', `<p>${escape(reason)}</p>`, { status: 403 });
    }
    const [, commonName] = /(?:^|[\n+])\s*CN=([^\n+]+)/.exec(certificate.subject) ?? [];
    const person = this.accounts.find(commonName?.trim() ?? '');
    if (!person) return page(res, 'Carte inconnue', escape(commonName), { status: 403 });
    return this.#login(req, res, interaction, person.id, 'CARD');
  }

  #ring(res, uid, interaction, { identifiant = '' }) {
    const person = this.accounts.find(identifiant.trim());
    if (!person) {
      return page(res, 'Identifiant inconnu', `<p><a href="/login/${uid}">Retour</a></p>`,
        { status: 404 });
    }
    const ttl = this.settings.ciba_ttl;
    const state = { login: person.id, digits: twoDigits(), expires: Date.now() + ttl * 1000 };
    this.#waiting.set(uid, state);
    let decide;
    state.decided = new Promise((resolve) => { decide = resolve; });
    this.phone.push({
      kind: 'web',
      login: person.id,
      client: interaction.params.client_id,
      channel: 'MOBILE',
      digits: state.digits,
      ttl,
      onDecision: (approved) => { state.approved = approved; decide(); },
    });
    return res.writeHead(303, { location: `/login/${uid}/ecps` }).end();
  }

  // ?wait=S holds the answer until the phone decided, at most S seconds: for scripts.
  async #wait(req, res, uid, interaction, { wait = '0' }) {
    const state = this.#waiting.get(uid);
    if (!state) return res.writeHead(303, { location: `/login/${uid}` }).end();
    await Promise.race([state.decided, sleep(Math.min(Number(wait) || 0, MAX_WAIT_S) * 1000)]);
    if (state.approved === undefined && Date.now() < state.expires) {
      return page(res, 'e-CPS', `<p>Sur votre téléphone, choisissez :</p>
<strong id="digits">${state.digits}</strong>`, { refresh: 1 });
    }
    this.#waiting.delete(uid);
    if (state.approved) return this.#login(req, res, interaction, state.login, 'MOBILE');
    return this.#finish(req, res, interaction, { error: 'access_denied' });
  }

  async #login(req, res, interaction, accountId, mode) {
    const before = interaction.session;
    if (before?.accountId && before.accountId !== accountId) {
      // Somebody else takes the place: the previous person's session ends here.
      await endSession(this.provider, before.uid);
      delete interaction.session;
      await interaction.save(interaction.exp - now());
    }
    const login = {
      accountId,
      acr: this.settings.acr[mode] ?? undefined,
      amr: [this.settings.auth_mode[mode]],
    };
    return this.#finish(req, res, interaction, { login });
  }

  #finish(req, res, interaction, result) {
    return this.provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
  }
}
