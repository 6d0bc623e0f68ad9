// SPDX-License-Identifier: Apache-2.0
// What clients really sent, for tests to assert on. Secrets appear as a short digest: enough to
// see that two requests carried the same one.
import { createHash } from 'node:crypto';

const MAX_ENTRIES = 10_000;
const SECRET_PARAMS = new Set(['client_secret', 'client_assertion', 'code', 'code_verifier',
  'refresh_token', 'subject_token', 'token', 'access_token', 'id_token_hint']);

const digest = (value) => (
  `sha256:${createHash('sha256').update(String(value)).digest('hex').slice(0, 12)}`);

function authorization(value) {
  if (value === undefined) return undefined;
  const [scheme, credentials = ''] = value.split(' ');
  return { scheme, credentials: digest(credentials) };
}

function mask(params) {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => (
    [name, SECRET_PARAMS.has(name) ? digest(value) : value])));
}

export class Journal {
  #entries = [];

  record(req, { listener, route, path, params }) {
    const { headers } = req;
    const entry = {
      at: Date.now(),
      listener,
      route: route.name,
      grant: route.grant,
      method: req.method,
      path,
      params: mask(params),
      tls: req.socket.getProtocol?.(),
      client_certificate: req.socket.getPeerX509Certificate?.()?.subject
        .split('\n').reverse().join(','),
      http: req.httpVersion,
      host: headers.host,
      accept: headers.accept,
      content_type: headers['content-type'],
      user_agent: headers['user-agent'],
      authorization: authorization(headers.authorization),
      cookies: headers.cookie !== undefined,
    };
    if (this.#entries.length < MAX_ENTRIES) this.#entries.push(entry);
    return entry;
  }

  list({ route, since = 0 } = {}) {
    return this.#entries.filter((entry) => entry.at >= since && (
      route === undefined || route === entry.route || route === `${entry.route}.${entry.grant}`));
  }

  clear() { this.#entries = []; }
}
