// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  claimsOf, DOCTOR, NURSE, sleep, useSandbox,
} from './helpers.js';

const world = await useSandbox();

test('the right value: pending, then tokens', async () => {
  const request = await world.ciba(NURSE);
  assert.equal(request.status, 200);
  assert.equal(request.json.interval, 1);
  assert.equal(request.json.expires_in, 120);
  const pending = await world.poll(request.json.auth_req_id);
  assert.equal(pending.status, 400);
  assert.equal(pending.json.error, 'authorization_pending');
  assert.equal((await world.post('/ecps/decide', { number: '42' })).decision, 'approved');
  const { status, json } = await world.poll(request.json.auth_req_id);
  assert.equal(status, 200);
  assert.equal(json.expires_in, 120);
  assert.equal(json.refresh_expires_in, 1800);
  const claims = claimsOf(json.id_token);
  assert.equal(claims.SubjectNameID, NURSE);
  assert.equal(claims.nonce, undefined);
  assert.equal(claims.authMode, 'MOBILE');
  assert.equal(json.session_state, claims.sid);
  assert.equal((await world.poll(request.json.auth_req_id)).json.error, 'invalid_grant');
});

test('what the phone is asked is recorded', async () => {
  await world.ciba(DOCTOR, { binding_message: '07', channel: 'CARD' });
  const [request] = await world.ask('GET', '/ecps/requests');
  assert.deepEqual([request.login, request.channel, request.binding_message, request.client],
    [DOCTOR, 'CARD', '07', 'psc-basic']);
  const [seen] = await world.seen('ciba_auth');
  assert.equal(seen.params.channel, 'CARD');
  assert.equal(seen.params.acr_values, 'eidas1');
});

test('a wrong value, or a refusal: access_denied', async () => {
  for (const answer of [{ number: '43' }, { refuse: true }]) {
    const { json } = await world.ciba(DOCTOR);
    assert.equal((await world.post('/ecps/decide', answer)).decision, 'denied');
    assert.equal((await world.poll(json.auth_req_id)).json.error, 'access_denied');
  }
});

test('channel CARD is answered by the card, not by a number', async () => {
  const { json } = await world.ciba(DOCTOR, { channel: 'CARD' });
  await world.post('/ecps/decide', { accept: true });
  const claims = claimsOf((await world.poll(json.auth_req_id)).json.id_token);
  assert.equal(claims.authMode, 'CARD');
  assert.equal(claims.acr, 'eidas3');
});

test('polling before the interval: slow_down, then pending again', async () => {
  await world.post('/settings', { ciba_interval: 30 });
  const { json: { auth_req_id: id, interval } } = await world.ciba(DOCTOR);
  assert.equal(interval, 30);
  assert.equal((await world.poll(id)).json.error, 'authorization_pending');
  assert.equal((await world.poll(id)).json.error, 'slow_down');
  await world.post('/settings', { ciba_interval: 1 });
  await sleep(1000);
  assert.equal((await world.poll(id)).json.error, 'authorization_pending');
});

test('expiry: asked for by the client, then set by the server', async () => {
  const short = await world.ciba(DOCTOR, { requested_expiry: '1' });
  assert.equal(short.json.expires_in, 1);
  await world.post('/settings', { ciba_ttl: 1 });
  const other = await world.ciba(NURSE);
  await sleep(1100);
  for (const { json } of [short, other]) {
    assert.equal((await world.poll(json.auth_req_id)).json.error, 'expired_token');
  }
  await assert.rejects(world.post('/ecps/decide', { number: '42' }), /no pending request/);
});

test('requests that must be refused', async () => {
  const cases = [
    [{ binding_message: '4' }, 'invalid_binding_message'],
    [{ binding_message: undefined }, 'invalid_binding_message'],
    [{ binding_message: '421' }, 'invalid_binding_message'],
    [{ channel: undefined }, 'invalid_request'],
    [{ channel: 'SMS' }, 'invalid_request'],
    [{ acr_values: undefined }, 'invalid_request'],
    [{ login_hint: undefined }, 'invalid_request'],
    [{ login_hint: '899799999999' }, 'unknown_user_id'],
    [{ scope: undefined }, 'invalid_request'],
  ];
  for (const [changes, error] of cases) {
    const { status, json } = await world.ciba(DOCTOR, changes);
    assert.equal(status, 400);
    assert.equal(json.error, error, JSON.stringify(changes));
  }
  assert.deepEqual(await world.ask('GET', '/ecps/requests'), []);
});

test('an RPPS number without its leading 8 is understood', async () => {
  await world.ciba('99700000011');
  const [request] = await world.ask('GET', '/ecps/requests');
  assert.equal(request.login, DOCTOR);
});

test('identifiers that are not twelve digits', async () => {
  for (const login of ['ANS20261122000001', '500000001815646/CPAT00045']) {
    const { json } = await world.cibaLogin(login);
    assert.equal(claimsOf(json.id_token).SubjectNameID, login);
  }
});

test("another client's auth_req_id is refused", async () => {
  const { json } = await world.ciba(DOCTOR);
  const stolen = await world.token({
    grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: json.auth_req_id,
  }, { client: 'psc-public' });
  assert.equal(stolen.json.error, 'invalid_grant');
});

test('automatic phone: right, wrong, refusing; after a delay', async () => {
  const outcomes = { right: undefined, wrong: 'access_denied', refuse: 'access_denied' };
  for (const [answer, error] of Object.entries(outcomes)) {
    await world.post('/ecps/auto', { delay_ms: 2000, answer });
    const { json } = await world.ciba(DOCTOR);
    assert.equal((await world.poll(json.auth_req_id)).json.error, 'authorization_pending');
    while ((await world.ask('GET', '/ecps/pending')).length > 0) await sleep(20);
    assert.equal((await world.poll(json.auth_req_id)).json.error, error);
  }
  await world.post('/ecps/auto', { on: false });
  await world.ciba(DOCTOR);
  await sleep(100);
  assert.equal((await world.ask('GET', '/ecps/pending')).length, 1);
});

test('two requests: the phone answers by login', async () => {
  const first = await world.ciba(DOCTOR);
  const second = await world.ciba(NURSE, { binding_message: '11' });
  await world.post('/ecps/decide', { login: NURSE, number: '11' });
  assert.equal((await world.poll(first.json.auth_req_id)).json.error, 'authorization_pending');
  assert.equal((await world.poll(second.json.auth_req_id)).status, 200);
});
