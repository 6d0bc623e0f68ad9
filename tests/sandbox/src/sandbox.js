// SPDX-License-Identifier: Apache-2.0
// Puts the parts together: the sandbox as one object that starts, resets and stops.
import { createPrivateKey, randomBytes } from 'node:crypto';
import { API_CLIENTS, ApiServer } from './api-server.js';
import { Accounts } from './accounts.js';
import { Ciba } from './ciba.js';
import { Clients } from './clients.js';
import { openControl } from './control.js';
import { dresser } from './dress.js';
import { EsanteProxy } from './esante-proxy.js';
import { Faults } from './faults.js';
import { Front } from './front.js';
import { Journal } from './journal.js';
import { KeyRing } from './keys.js';
import { Listeners } from './listeners.js';
import { logoutHandler } from './logout.js';
import { Phone } from './phone.js';
import { cardFileName, Pki } from './pki.js';
import { makeProvider } from './provider.js';
import { MOUNT } from './routes.js';
import { endSession } from './sessions.js';
import { Settings } from './settings.js';
import { Store } from './store.js';
import { Tokens } from './tokens.js';
import { Wallet } from './wallet.js';

export class Sandbox {
  constructor({ state, settings, cardAuthorities = [] }) {
    this.pki = new Pki(state);
    this.settings = new Settings(settings);
    this.store = new Store();
    this.accounts = new Accounts(this.settings);
    this.clients = new Clients(this.store, this.pki);
    this.keys = new KeyRing(this.pki.privateKey('signing'), this.pki.privateKey('encryption'));
    this.phone = new Phone();
    this.faults = new Faults();
    this.journal = new Journal();
    this.ciba = new Ciba(this);
    this.tokens = new Tokens(this);
    this.front = new Front({ ...this, elsewhere: () => `${this.urls.walletOrigin}/elsewhere` });
    this.listeners = new Listeners(
      this.pki,
      [this.pki.read('card-ca.pem'), ...cardAuthorities],
      (req, res, exchange) => this.#handle(req, res, exchange),
    );
  }

  async #handle(req, res, exchange) {
    try {
      await this.front.handle(req, res, exchange);
    } catch (error) {
      if (error.code === 'ECONNRESET') return; // the client left
      console.error(`${req.method} ${req.url}: ${error.stack}`);
      if (!res.headersSent) res.writeHead(500);
      res.end();
    }
  }

  #setUrls({ auth, wallet, mtls, api }) {
    const walletOrigin = `https://127.0.0.1:${wallet}`;
    this.urls = {
      issuer: `https://localhost:${auth}${MOUNT}`,
      mtlsIssuer: `https://localhost:${mtls}${MOUNT}`,
      apiIssuer: `https://localhost:${api}`,
      walletOrigin,
      walletUrl: `${walletOrigin}/auth`,
    };
  }

  #startProvider(ports) {
    this.tokens.issuer = this.urls.issuer;
    const signingJwk = {
      ...createPrivateKey(this.pki.read('signing.key')).export({ format: 'jwk' }),
      kid: 'internal', use: 'sig', alg: 'RS256',
    };
    this.provider = makeProvider({
      ...this, ...this.urls, signingJwk, cookieKey: randomBytes(16).toString('hex'),
    });
    // ID tokens are signed with our own ring, so hints are checked against it too.
    this.provider.IdToken.validate = async (token) => ({ payload: this.keys.open(token) });
    this.provider.on('authorization.success', (ctx, out) => {
      out.session_state = ctx.oidc.session.uid;
    });
    this.provider.on('server_error', (ctx, error) => console.error(error.stack));
    this.provider.use(dresser({ ...this, exchangeOf: this.front.exchangeOf }));
    this.wallet = new Wallet({ ...this, ports });
    this.proxy = new EsanteProxy(this);
    this.api = new ApiServer(this);
    Object.assign(this.front, {
      provider: this.provider.callback(), wallet: this.wallet, logout: logoutHandler(this),
      proxy: this.proxy, api: this.api,
    });
  }

  // base 0 takes any free ports.
  async start(base) {
    const ports = await this.listeners.open(base);
    this.#setUrls(ports);
    this.#startProvider(ports);
    this.control = await openControl(this, base && base + 4);
    return this.#description(ports);
  }

  #description(ports) {
    const control = this.control.address().port;
    return {
      ready: true,
      issuer: this.urls.issuer,
      discovery: `${this.urls.issuer}/.well-known/wallet-openid-configuration`,
      wallet: this.urls.walletUrl,
      proxy: `https://localhost:${ports.proxy}`,
      api: { issuer: this.urls.apiIssuer, clients: API_CLIENTS },
      control: `http://127.0.0.1:${control}`,
      ports: { ...ports, control },
      ca: this.pki.path('ca.pem'),
      card_ca: this.pki.path('card-ca.pem'),
      clients: this.clients.summary(),
      cards: Object.fromEntries(this.accounts.list().map(({ id }) => [id, {
        certificate: this.pki.path(`${cardFileName(id)}.pem`),
        key: this.pki.path(`${cardFileName(id)}.key`),
      }])),
    };
  }

  sessions() {
    return this.store.list('Session').filter(({ accountId }) => accountId)
      .map(({ uid, accountId, loginTs }) => ({ sid: uid, login: accountId, auth_time: loginTs }));
  }

  // As when the person logs out of PSC elsewhere, or an administrator closes the session.
  async endSessions(login) {
    const mine = this.sessions().filter((session) => (
      login === undefined || session.login === login));
    for (const { sid } of mine) await endSession(this.provider, sid);
    return mine.length;
  }

  async reset() {
    this.faults.clear();
    this.phone.reset();
    this.ciba.reset();
    this.wallet.reset();
    this.proxy.reset();
    this.settings.reset();
    this.keys.reset();
    this.accounts.reset();
    this.store.clear();
    this.clients.register();
    await this.listeners.reset();
    this.journal.clear();
  }

  async stop() {
    this.phone.reset();
    this.control.closeAllConnections();
    this.control.close();
    await this.listeners.close();
  }
}
