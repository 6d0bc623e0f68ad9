// SPDX-License-Identifier: Apache-2.0
// The e-Santé proxy that a workstation talks to: /connect, /send, /disconnect and /traces as the
// public API of ANS's example has them, and the answers that it gives without listing them. The
// phone is the sandbox's; the national APIs behind are one that echoes.
import { randomUUID } from 'node:crypto';
import { addSession, endSession } from './sessions.js';

export const PROXY_SOFTWARE = 'lps-sandbox';
const COOKIE = 'proxy_session_id';
const PSC_CLIENT = 'psc-basic'; // the client whose PSC sessions the proxy opens
const GONE = 'No session found.';

class Refusal extends Error {
  constructor(status, message, metadata) {
    super(message);
    Object.assign(this, { status, metadata });
  }
}

function cookieOf({ headers: { cookie = '' } }) {
  const [, value] = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]*)`).exec(cookie) ?? [];
  return value;
}

function json(res, status, value, headers = {}) {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(value));
}

function parse(body) {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new Refusal(400, 'body is not JSON');
  }
}

function checkFields(fields) {
  for (const name of ['nationalId', 'bindingMessage', 'clientId', 'channel']) {
    if (typeof fields[name] !== 'string') throw new Refusal(400, `${name} is missing`, {});
  }
  const { channel, bindingMessage } = fields;
  if (!['CARD', 'MOBILE'].includes(channel)) {
    throw new Refusal(400, `channel value ${channel} is invalid`, {});
  }
  if (!/^\d{2}$/.test(bindingMessage)) throw new Refusal(400, 'bindingMessage is invalid', {});
}

export class EsanteProxy {
  #sessions = new Map(); #traces = []; #connects = [];

  constructor({ accounts, phone, provider, settings }) {
    Object.assign(this, { accounts, phone, provider, settings });
  }

  reset() {
    this.#sessions.clear();
    this.#traces = [];
    this.#connects = [];
  }

  list() {
    return {
      connects: this.#connects,
      sessions: [...this.#sessions.values()].map(({ nationalId, sid }) => ({ nationalId, sid })),
    };
  }

  async handle(req, res, { route, url, body }) {
    try {
      this.#checkStation(req);
      await this[route.name](req, res, { url, body });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, message, metadata } = error;
      json(res, status, { code: String(status), message, ...(metadata && { metadata }) });
    }
  }

  #checkStation({ headers }) {
    const { proxy_bearer: token } = this.settings;
    if (token !== '' && headers.authorization !== `Bearer ${token}`) {
      throw new Refusal(403, 'unknown station');
    }
  }

  #trace(type, details) {
    this.#traces.push({ type, timestamp: new Date().toISOString(), ...details });
  }

  async proxy_connect(req, res, { body }) {
    if (req.method !== 'POST') { res.writeHead(405).end(); return; }
    const open = this.#sessions.get(cookieOf(req));
    const fields = parse(body);
    checkFields(fields);
    const { nationalId, clientId, channel, bindingMessage } = fields;
    const station = { rpps: nationalId, clientId, certificate: this.#subject(req) };
    this.#connects.push({ ...fields, cookie: open !== undefined, ...station });
    if (open?.nationalId === nationalId) {
      this.#trace('CONNECT_REPLAY', station);
      res.writeHead(304).end();
      return;
    }
    if (clientId !== PROXY_SOFTWARE || !this.accounts.find(nationalId)) {
      throw new Refusal(404, 'not found', { nationalId, clientId });
    }
    const outcome = await this.#ring({ nationalId, channel, digits: bindingMessage });
    if (outcome !== 'approved') {
      this.#trace('CONNECT_FAILURE', station);
      throw new Refusal(401, outcome, { nationalId, clientId });
    }
    const session = await this.#open({ nationalId, clientId, channel });
    this.#trace('CONNECT_SUCCESS', { ...station, session_state: session.sid });
    json(res, 200, { [COOKIE]: session.id, session_state: session.sid }, {
      'set-cookie': `${COOKIE}=${session.id}; Path=/; Secure; HttpOnly`,
    });
  }

  #subject(req) {
    return req.socket.getPeerX509Certificate?.()?.subject.split('\n').reverse().join(',');
  }

  // As the example's proxy relays what PSC says to its polls.
  #ring({ nationalId, channel, digits }) {
    const ttl = this.settings.ciba_ttl;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve('400 - expired_token : Authentication timed out');
      }, ttl * 1000);
      timer.unref();
      this.phone.push({
        kind: 'proxy', login: nationalId, client: PSC_CLIENT, channel, digits, ttl,
        onDecision: async (approved) => {
          clearTimeout(timer);
          resolve(approved ? 'approved' : '400 - access_denied : The user refused');
        },
      });
    });
  }

  async #open({ nationalId, clientId, channel }) {
    const grant = new this.provider.Grant({ accountId: nationalId, clientId: PSC_CLIENT });
    const psc = await addSession(this.provider, this.settings, {
      accountId: nationalId, clientId: PSC_CLIENT, grantId: await grant.save(),
      acr: this.settings.acr[channel] ?? undefined, amr: [this.settings.auth_mode[channel]],
    });
    const session = { id: randomUUID(), nationalId, clientId, sid: psc.uid };
    this.#sessions.set(session.id, session);
    return session;
  }

  #sessionOf(req, message) {
    const session = this.#sessions.get(cookieOf(req));
    if (!session) throw new Refusal(401, message);
    return session;
  }

  // The service "raw" gives the body back as it is; "away" is down; the others tell what they got.
  async proxy_send(req, res, { url, body }) {
    const { nationalId } = this.#sessionOf(req, GONE);
    const [, service, endpoint] = /^\/send\/([^/]+)\/?(.*)$/.exec(url.pathname) ?? [];
    if (!service) throw new Refusal(400, 'no service');
    this.#trace('SEND', { rpps: nationalId, api_request: `${req.method} ${url.pathname}` });
    if (service === 'away') { res.writeHead(502).end(); return; }
    if (service === 'refuses') throw new Refusal(401, 'invalid_token');
    if (service === 'raw') {
      res.writeHead(200, { 'content-type': req.headers['content-type'] ?? 'text/plain' });
      res.end(body);
      return;
    }
    json(res, 200, {
      service, endpoint, method: req.method, query: url.search, nationalId,
      content_type: req.headers['content-type'], accept: req.headers.accept, body: body.toString(),
    });
  }

  async proxy_disconnect(req, res) {
    if (req.method !== 'DELETE') { res.writeHead(405).end(); return; }
    const session = this.#sessionOf(req, 'Session ID not found.');
    this.#sessions.delete(session.id);
    await endSession(this.provider, session.sid);
    this.#trace('DISCONNECT', { rpps: session.nationalId });
    res.writeHead(200).end();
  }

  async proxy_traces(req, res, { url: { searchParams: query } }) {
    const [start, end] = [query.get('start') ?? '', query.get('end') ?? '9999'];
    json(res, 200, this.#traces.filter(({ timestamp }) => timestamp >= start && timestamp <= end));
  }

  async proxy_check_alive(req, res) { res.writeHead(200).end(); }
}
