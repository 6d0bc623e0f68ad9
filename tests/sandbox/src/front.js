// SPDX-License-Identifier: Apache-2.0
// Every HTTPS request enters here: read, recorded, spoiled if a fault says so, then handed to the
// wallet's pages, to logout or to the provider.
import { parse, stringify } from 'node:querystring';
import { grantOf, MOUNT, routeOf } from './routes.js';
import { TRANSPORT } from './transport.js';

const MAX_BODY = 64 * 1024;
const FORM = 'application/x-www-form-urlencoded';

async function readBody(req) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

// The provider reads the body itself: give it back what was read, tokens unwrapped.
function replay(req, body) {
  req.headers['content-length'] = String(body.length);
  Object.defineProperty(req, 'readable', { value: true });
  req.iterator = async function* once() { yield body; };
}

const isForm = (req) => (req.headers['content-type'] ?? '').startsWith(FORM);

async function beforehand(res, faults, environment) {
  for (const fault of faults) {
    if (fault.kind === 'error') {
      const { status = 400, error, description, headers } = fault;
      res.writeHead(status, { 'content-type': 'application/json', ...headers });
      res.end(JSON.stringify({ error, error_description: description }));
      return true;
    }
    if (await TRANSPORT[fault.kind](res, fault, environment)) return true;
  }
  return false;
}

export class Front {
  #exchanges = new WeakMap();

  // provider, wallet and logout are set once the listeners know their ports.
  constructor({ faults, journal, tokens, elsewhere }) {
    Object.assign(this, { faults, journal, tokens, elsewhere });
  }

  exchangeOf = (req) => this.#exchanges.get(req);

  #describe(req, listener) {
    const url = new URL(req.url, 'https://host.invalid');
    const route = routeOf(listener, url.pathname) ?? { name: 'nowhere' };
    return { url, route, query: parse(url.search.slice(1)) };
  }

  async handle(req, res, { listener, resetConnection }) {
    const { url, route, query } = this.#describe(req, listener);
    const body = await readBody(req);
    if (body === undefined) { res.writeHead(413).end(); return; }
    const form = req.method === 'POST' && isForm(req) ? { ...parse(body.toString()) } : {};
    const params = { ...query, ...form };
    route.grant = grantOf(params);
    this.journal.record(req, { listener, route, path: url.pathname, params });

    const environment = { resetConnection, elsewhere: this.elsewhere() };
    const met = this.faults.take(route, 'before');
    if (await beforehand(res, met, environment)) return;
    this.#exchanges.set(req, { route, environment });
    await this.#dispatch(req, res, { url, route, listener, form, params, body });
  }

  #dispatch(req, res, { url, route, listener, form, params, body }) {
    if (route.name === 'nowhere') return res.writeHead(404).end();
    if (listener === 'api') return this.api.handle(req, res, { route, params });
    if (listener === 'proxy') return this.proxy.handle(req, res, { route, url, body });
    if (route.name === 'login') return this.wallet.handle(req, res, { ...route, listener, params });
    if (route.name === 'logout' && (params.id_token_hint || req.method === 'POST')) {
      return this.logout(req, res, params);
    }
    this.tokens.unwrapRequest(req, route, form);
    replay(req, isForm(req) ? Buffer.from(stringify(form)) : body);
    req.originalUrl = route.path + url.search;
    req.url = req.originalUrl.slice(MOUNT.length);
    return this.provider(req, res);
  }
}
