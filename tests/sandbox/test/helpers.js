// SPDX-License-Identifier: Apache-2.0
// What the self-tests share: a running sandbox, an HTTPS client, a scripted browser, a client.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, beforeEach } from 'node:test';
import { fileURLToPath } from 'node:url';

export const LAUNCHER = fileURLToPath(new URL('../psc-sandbox', import.meta.url));
export const CIBA = 'urn:openid:params:grant-type:ciba';
export const REDIRECT = 'http://127.0.0.1:47111/callback';
export const DOCTOR = '899700000011';
export const NURSE = '899700000029';

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export async function launch(args = []) {
  const state = mkdtempSync(join(tmpdir(), 'psc-sandbox-test-'));
  const options = ['--state', state, '--port', '0', '--ciba-interval', '1', '--die-with-parent'];
  const child = spawn(LAUNCHER, [...options, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const [line] = await new Promise((resolve, reject) => {
    lines.once('line', (text) => resolve([text]));
    child.once('exit', (code) => reject(new Error(`sandbox stopped: ${code}`)));
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await new Promise((resolve) => { child.once('exit', resolve); });
    }
    rmSync(state, { recursive: true, force: true });
  };
  return { ready: JSON.parse(line), child, state, stop };
}

function send(url, { method, headers, body, tls }) {
  return new Promise((resolve, reject) => {
    const req = httpsRequest(url, { method, headers, agent: false, ...tls }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => resolve({
        status: res.statusCode, headers: res.headers, text: Buffer.concat(chunks).toString(),
      }));
    });
    req.on('error', reject);
    req.end(body);
  });
}

export class World {
  constructor({ ready, ...process }) {
    Object.assign(this, ready, process);
    this.caText = readFileSync(this.ca);
    this.oidc = `${this.issuer}/protocol/openid-connect`;
  }

  identity({ certificate, key }) {
    return { cert: readFileSync(certificate), key: readFileSync(key) };
  }

  async http(url, { form, headers = {}, tls, method = form ? 'POST' : 'GET' } = {}) {
    const body = form && new URLSearchParams(form).toString();
    const answer = await send(url, {
      method,
      body,
      headers: {
        accept: 'application/json',
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      tls: { ca: this.caText, ...tls },
    });
    if (/json/.test(answer.headers['content-type'] ?? '')) {
      try { answer.json = JSON.parse(answer.text); } catch { answer.json = undefined; }
    }
    return answer;
  }

  async ask(method, path, body) {
    const res = await fetch(this.control + path, {
      method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json' },
    });
    const json = await res.json();
    return res.ok ? json : Promise.reject(new Error(json.error));
  }

  post(path, body = {}) { return this.ask('POST', path, body); }

  fault(kind, on, details = {}) { return this.post('/fault', { kind, on, ...details }); }

  seen(route) { return this.ask('GET', `/seen${route ? `?route=${route}` : ''}`); }

  basic(client = 'psc-basic') {
    const part = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => (
      `%${c.charCodeAt(0).toString(16)}`));
    const pair = `${part(client)}:${part(this.clients[client].secret)}`;
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  }

  token(form, { client = 'psc-basic', ...rest } = {}) {
    if (client === 'psc-public') form = { client_id: client, ...form };
    const headers = this.clients[client].secret ? this.basic(client) : {};
    return this.http(`${this.oidc}/token`, { form, headers, ...rest });
  }

  ciba(login, changes = {}, options = {}) {
    const form = {
      scope: 'openid scope_all', acr_values: 'eidas1', login_hint: login, binding_message: '42',
      channel: 'MOBILE', ...changes,
    };
    for (const [name, value] of Object.entries(form)) if (value === undefined) delete form[name];
    return this.http(`${this.oidc}/ext/ciba/auth`, { form, headers: this.basic(), ...options });
  }

  poll(id) { return this.token({ grant_type: CIBA, auth_req_id: id }); }

  async cibaLogin(login = DOCTOR, changes = {}) {
    const { json } = await this.ciba(login, changes);
    await this.post('/ecps/decide', { number: '42', accept: true });
    return this.poll(json.auth_req_id);
  }

  refresh(token) { return this.token({ grant_type: 'refresh_token', refresh_token: token }); }

  userinfo(token, options) {
    return this.http(`${this.oidc}/userinfo`, {
      headers: { authorization: `Bearer ${token}` }, ...options,
    });
  }
}

// A browser without scripts: keeps cookies by host, follows nothing by itself.
export class Browser {
  #jar = new Map();

  constructor(world) { this.world = world; }

  async open(url, options = {}) {
    const { hostname } = new URL(url);
    const cookies = [...this.#jar].filter(([key]) => key.startsWith(`${hostname} `))
      .map(([key, value]) => `${key.split(' ')[1]}=${value}`).join('; ');
    const answer = await this.world.http(url, {
      ...options, headers: { accept: 'text/html', ...(cookies && { cookie: cookies }) },
    });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === '') this.#jar.delete(`${hostname} ${name}`);
      else this.#jar.set(`${hostname} ${name}`, value);
    }
    const { location } = answer.headers;
    answer.next = location && new URL(location, url).href;
    return answer;
  }

  // Follows redirects up to the client's address, which is not opened.
  async follow(url, options) {
    let answer = await this.open(url, options);
    for (let i = 0; answer.next && !answer.next.startsWith(REDIRECT) && i < 10; i += 1) {
      answer = await this.open(answer.next);
    }
    return answer;
  }

  async card(loginPage, id, tls) {
    const link = /id="cps" href="([^"]+)"/.exec(loginPage.text)[1];
    return this.follow(link, { tls: tls ?? this.world.identity(this.world.cards[id]) });
  }

  async ecps(loginPage, id, decide) {
    const action = /id="ecps" method="post" action="([^"]+)"/.exec(loginPage.text)[1];
    const url = new URL(action, this.world.wallet).href;
    await this.open(url, { form: { identifiant: id } });
    const { text } = await this.open(url);
    const [, digits] = /id="digits">(\d\d)</.exec(text);
    await decide(digits);
    return this.follow(`${url}?wait=5`);
  }
}

export class CodeFlow {
  constructor(world, { client = 'psc-public', redirect = REDIRECT, ...changes } = {}) {
    this.verifier = randomBytes(32).toString('base64url');
    this.state = randomBytes(16).toString('base64url');
    this.nonce = randomBytes(16).toString('base64url');
    Object.assign(this, { world, client, redirect });
    this.params = {
      response_type: 'code', client_id: client, redirect_uri: redirect, scope: 'openid scope_all',
      acr_values: 'eidas1', state: this.state, nonce: this.nonce,
      code_challenge: createHash('sha256').update(this.verifier).digest('base64url'),
      code_challenge_method: 'S256', ...changes,
    };
    for (const [name, value] of Object.entries(this.params)) {
      if (value === undefined) delete this.params[name];
    }
  }

  url(endpoint = this.world.wallet) { return `${endpoint}?${new URLSearchParams(this.params)}`; }

  static callback(answer) {
    assert.ok(answer.next, `no redirect: ${answer.status} ${answer.text.slice(0, 300)}`);
    return Object.fromEntries(new URL(answer.next).searchParams);
  }

  exchange(code, changes = {}) {
    return this.world.token({
      grant_type: 'authorization_code', code, redirect_uri: this.redirect,
      code_verifier: this.verifier, ...changes,
    }, { client: this.client });
  }

  async byCard(id = DOCTOR, browser = new Browser(this.world)) {
    const login = await browser.follow(this.url());
    const callback = CodeFlow.callback(await browser.card(login, id));
    return { callback, answer: await this.exchange(callback.code) };
  }
}

export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
export const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));

// One sandbox for a test file, reset before each test.
export async function useSandbox(args) {
  const world = new World(await launch(args));
  beforeEach(() => world.post('/reset'));
  after(() => world.stop());
  return world;
}
