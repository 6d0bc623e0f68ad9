// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import {
  Browser, claimsOf, CodeFlow, DOCTOR, NURSE, useSandbox,
} from './helpers.js';

const world = await useSandbox();
const wrongOf = (digits) => String((Number(digits) + 1) % 100).padStart(2, '0');

test('carte CPS with PKCE, for every account', async () => {
  for (const id of Object.keys(world.cards)) {
    const flow = new CodeFlow(world);
    const { callback, answer } = await flow.byCard(id);
    assert.equal(callback.state, flow.state);
    assert.equal(callback.iss, world.issuer);
    assert.equal(answer.status, 200);
    const claims = claimsOf(answer.json.id_token);
    assert.equal(claims.SubjectNameID, id);
    assert.equal(claims.nonce, flow.nonce);
    assert.equal(claims.aud, 'psc-public');
    assert.equal(claims.authMode, 'CARD');
    assert.equal(claims.acr, 'eidas3');
    assert.equal(claims.sid, callback.session_state);
    assert.equal(claims.exp - claims.iat, 120);
  }
});

test('e-CPS: the right value on the phone', async () => {
  const browser = new Browser(world);
  const flow = new CodeFlow(world);
  const page = await browser.follow(flow.url());
  const callback = CodeFlow.callback(await browser.ecps(page, DOCTOR, async (digits) => {
    const [request] = await world.ask('GET', '/ecps/pending');
    assert.equal(request.choices.length, 3);
    assert.equal(new Set(request.choices).size, 3);
    assert.ok(request.choices.includes(digits));
    await world.post('/ecps/decide', { number: digits });
  }));
  const claims = claimsOf((await flow.exchange(callback.code)).json.id_token);
  assert.equal(claims.authMode, 'MOBILE');
  assert.equal(claims.acr, 'eidas1');
});

test('e-CPS: a wrong value, then an unknown person', async () => {
  const browser = new Browser(world);
  const page = await browser.follow(new CodeFlow(world).url());
  const answer = await browser.ecps(page, DOCTOR, (digits) => (
    world.post('/ecps/decide', { number: wrongOf(digits) })));
  assert.equal(CodeFlow.callback(answer).error, 'access_denied');
  const again = await browser.follow(new CodeFlow(world).url());
  const [, action] = /id="ecps" method="post" action="([^"]+)"/.exec(again.text);
  const unknown = await browser.open(new URL(action, world.wallet).href, {
    form: { identifiant: '899799999999' },
  });
  assert.equal(unknown.status, 404);
});

test('cancelling returns access_denied with state and iss', async () => {
  const browser = new Browser(world);
  const flow = new CodeFlow(world);
  const page = await browser.follow(flow.url());
  const [, link] = /id="cancel" href="([^"]+)"/.exec(page.text);
  const callback = CodeFlow.callback(await browser.follow(new URL(link, world.wallet).href));
  assert.equal(callback.error, 'access_denied');
  assert.equal(callback.state, flow.state);
  assert.equal(callback.iss, world.issuer);
});

test('cards that must be refused: none, expired, of another authority', async () => {
  const file = (name) => world.identity({
    certificate: `${world.state}/${name}.pem`, key: `${world.state}/${name}.key`,
  });
  for (const tls of [{}, file('cps-expired'), file('cps-otherca')]) {
    const browser = new Browser(world);
    const page = await browser.follow(new CodeFlow(world).url());
    assert.equal((await browser.card(page, DOCTOR, tls)).status, 403);
  }
});

test('the card listener asks for what a CPS3 can do: TLS 1.2, PKCS#1 signatures', async () => {
  const socket = connect({ port: world.ports.cps, host: '127.0.0.1', ca: world.caText,
    ...world.identity(world.cards[DOCTOR]) });
  await once(socket, 'secureConnect');
  assert.equal(socket.getProtocol(), 'TLSv1.2');
  assert.ok(socket.getSharedSigalgs().includes('RSA+SHA256'));
  assert.ok(!socket.getSharedSigalgs().some((name) => /PSS/i.test(name)));
  socket.destroy();
});

test('SSO: prompt=none succeeds with a session, fails without', async () => {
  const browser = new Browser(world);
  const silent = () => new CodeFlow(world, { client: 'psc-basic', prompt: 'none' });
  const refused = CodeFlow.callback(await browser.follow(silent().url()));
  assert.equal(refused.error, 'login_required');
  const first = claimsOf((await new CodeFlow(world).byCard(DOCTOR, browser)).answer.json.id_token);
  const flow = silent();
  const { code } = CodeFlow.callback(await browser.follow(flow.url()));
  const second = claimsOf((await flow.exchange(code)).json.id_token);
  assert.equal(second.SubjectNameID, DOCTOR);
  assert.equal(second.sid, first.sid);
  assert.equal(second.auth_time, first.auth_time);
});

test('prompt=login lets another person take the place, and ends the first session', async () => {
  const browser = new Browser(world);
  const { answer } = await new CodeFlow(world, { client: 'psc-basic' }).byCard(DOCTOR, browser);
  const next = await new CodeFlow(world, { prompt: 'login' }).byCard(NURSE, browser);
  assert.equal(claimsOf(next.answer.json.id_token).SubjectNameID, NURSE);
  const late = await world.refresh(answer.json.refresh_token);
  assert.equal(late.json.error, 'invalid_grant');
});

test('acr_values other than eidas1 is refused, unless told otherwise', async () => {
  for (const value of [undefined, 'eidas2']) {
    const flow = new CodeFlow(world, { acr_values: value });
    const answer = await new Browser(world).follow(flow.url());
    assert.equal(CodeFlow.callback(answer).error, 'invalid_request');
  }
  await world.post('/settings', { require_eidas1: false });
  const page = await new Browser(world).follow(new CodeFlow(world, { acr_values: 'eidas2' }).url());
  assert.match(page.text, /id="cps"/);
});

test('PKCE: wrong or missing verifier, plain, and none at all for a public client', async () => {
  const codeOf = async (flow) => {
    const browser = new Browser(world);
    const page = await browser.follow(flow.url());
    return CodeFlow.callback(await browser.card(page, DOCTOR)).code;
  };
  for (const code_verifier of ['x'.repeat(43), undefined]) {
    const flow = new CodeFlow(world);
    const { verifier } = flow;
    flow.verifier = code_verifier ?? '';
    assert.equal((await flow.exchange(await codeOf(flow))).json.error, 'invalid_grant', verifier);
  }
  const none = { code_challenge: undefined, code_challenge_method: undefined };
  for (const changes of [{ code_challenge_method: 'plain' }, none]) {
    const answer = await new Browser(world).follow(new CodeFlow(world, changes).url());
    assert.equal(CodeFlow.callback(answer).error, 'invalid_request');
  }
});

test('a code works once', async () => {
  const flow = new CodeFlow(world);
  const { callback } = await flow.byCard();
  assert.equal((await flow.exchange(callback.code)).json.error, 'invalid_grant');
});

test('redirect URI: any loopback port for native clients, exact for the others', async () => {
  const open = (client, redirect) => (
    new Browser(world).follow(new CodeFlow(world, { client, redirect }).url()));
  for (const host of ['127.0.0.1:51234', 'localhost:4200', '[::1]:9']) {
    assert.match((await open('psc-public', `http://${host}/callback`)).text, /id="cps"/);
  }
  assert.match((await open('psc-fixed', 'http://localhost:8123/callback')).text, /id="cps"/);
  const refused = [
    ['psc-public', 'http://127.0.0.1:80/other'], ['psc-public', 'http://192.0.2.1/callback'],
    ['psc-fixed', 'http://localhost:8126/callback'],
    ['psc-fixed', 'http://localhost:8123/callback/'],
  ];
  for (const [client, redirect] of refused) {
    const answer = await open(client, redirect);
    assert.equal(answer.status, 400, redirect);
    assert.equal(answer.next, undefined, 'an error page, not a redirect');
  }
});

test('pushed authorization request', async () => {
  const flow = new CodeFlow(world, { client: 'psc-basic' });
  const pushed = await world.http(`${world.oidc}/ext/par/request`, {
    form: flow.params, headers: world.basic(),
  });
  assert.equal(pushed.status, 201);
  const browser = new Browser(world);
  const { request_uri } = pushed.json;
  const query = new URLSearchParams({ client_id: 'psc-basic', request_uri });
  const page = await browser.follow(`${world.wallet}?${query}`);
  const callback = CodeFlow.callback(await browser.card(page, DOCTOR));
  assert.equal(callback.state, flow.state);
  assert.equal((await flow.exchange(callback.code)).status, 200);
});

test("Keycloak's own authorization endpoint, on the issuer's host, works as well", async () => {
  const browser = new Browser(world);
  const flow = new CodeFlow(world);
  const page = await browser.follow(flow.url(`${world.oidc}/auth`));
  const callback = CodeFlow.callback(await browser.card(page, NURSE));
  assert.equal((await flow.exchange(callback.code)).status, 200);
});
