// SPDX-License-Identifier: Apache-2.0
// The list of injected faults: what each may contain, which one a request meets.
import { randomUUID } from 'node:crypto';
import { isIdTokenFault } from './idtoken-faults.js';
import { isKeyFault } from './key-faults.js';
import { TRANSPORT } from './transport.js';

export const ROUTES = ['discovery', 'jwks', 'token', 'token.code', 'token.refresh', 'token.ciba',
  'userinfo', 'ciba_auth', 'introspect', 'revoke', 'logout', 'par', 'authorize', 'login',
  'callback', 'proxy_connect', 'proxy_send', 'proxy_disconnect', 'api_token', 'api_discovery', '*'];

// Kinds that act on an answer the sandbox made; the others act instead of it, unless `after`.
const AFTER = new Set(['garbage', 'truncate', 'drip', 'body', 'duplicate', 'headers', 'idt',
  'keys']);
const OTHER_KINDS = ['error', 'body', 'doc', 'duplicate', 'headers', 'idt', 'keys'];
export const KINDS = [...Object.keys(TRANSPORT), ...OTHER_KINDS];

const DEFAULT_ROUTE = { idt: 'token', keys: 'jwks', doc: 'discovery' };

// Answered before the provider, these cannot be edited afterwards.
const NO_AFTER = ['login', 'logout', 'proxy_connect', 'proxy_send', 'proxy_disconnect'];

const phaseOf = ({ kind, after, on }) => (
  AFTER.has(kind) || after || on === 'callback' ? 'after' : 'before');

function check(fault) {
  const { on, kind, how, times, skip } = fault;
  if (!KINDS.includes(kind)) throw new TypeError(`unknown kind ${kind}`);
  if (!ROUTES.includes(on)) throw new TypeError(`unknown route ${on}`);
  if (!Number.isInteger(times) || times === 0 || times < -1) throw new TypeError('bad times');
  if (!Number.isInteger(skip) || skip < 0) throw new TypeError('bad skip');
  if (NO_AFTER.includes(on) && phaseOf(fault) === 'after') throw new TypeError(`not on ${on}`);
  if (on.startsWith('api_') && phaseOf(fault) === 'after' && kind !== 'body') {
    throw new TypeError(`only body on ${on}`);
  }
  if (kind === 'idt' && how !== undefined && !isIdTokenFault(how)) {
    throw new TypeError(`unknown ID-token fault ${how}`);
  }
  if (kind === 'keys' && how !== undefined && !isKeyFault(how)) {
    throw new TypeError(`unknown keys fault ${how}`);
  }
}

function touches({ on }, route) {
  return on === '*' || on === route.name || on === `${route.name}.${route.grant}`;
}

export class Faults {
  #list = [];

  // times: how many requests it hits (-1: until cleared); skip: how many it lets pass first.
  add({ kind, on = DEFAULT_ROUTE[kind] ?? '*', times = 1, skip = 0, ...details }) {
    const fault = { ...details, on, kind: kind === 'doc' ? 'body' : kind, times, skip };
    check(fault);
    this.#list.push({ id: randomUUID(), hits: 0, phase: phaseOf(fault), ...fault });
    return this.#list.at(-1);
  }

  // The faults this request meets in this phase, each counted as used. An `after` fault waits for
  // an answer that succeeded, unless it says any: true.
  take(route, phase, { succeeded = true } = {}) {
    const met = [];
    for (const fault of this.#list) {
      const due = fault.phase === phase && fault.times !== 0 && touches(fault, route)
        && (phase === 'before' || succeeded || fault.any);
      if (due && fault.skip > 0) {
        fault.skip -= 1;
      } else if (due) {
        if (fault.times > 0) fault.times -= 1;
        fault.hits += 1;
        met.push(fault);
      }
    }
    return met;
  }

  list() { return this.#list; }

  remove(id) { this.#list = this.#list.filter((fault) => fault.id !== id); }

  clear() { this.#list = []; }
}
