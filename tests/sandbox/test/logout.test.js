// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, CodeFlow, DOCTOR, useSandbox } from './helpers.js';

const world = await useSandbox();
const endpoint = () => `${world.oidc}/logout`;
const query = (params) => `${endpoint()}?${new URLSearchParams(params)}`;
const BACK = 'http://127.0.0.1:47111/callback';

async function assertEnded({ access_token: access, refresh_token: refresh }) {
  assert.equal((await world.userinfo(access)).status, 401);
  assert.equal((await world.refresh(refresh)).json.error, 'invalid_grant');
}

test('POST with id_token_hint alone, as a server does: 204 and everything ends', async () => {
  const { json } = await world.cibaLogin();
  const answer = await world.http(endpoint(), { form: { id_token_hint: json.id_token } });
  assert.equal(answer.status, 204);
  await assertEnded(json);
  assert.deepEqual(await world.ask('GET', '/sessions'), []);
});

test('GET with a registered address: redirect, with state', async () => {
  const { json } = await world.cibaLogin();
  const answer = await world.http(query({
    id_token_hint: json.id_token, post_logout_redirect_uri: BACK, state: 'abc',
  }));
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.location, `${BACK}?state=abc`);
  await assertEnded(json);
});

test('setting logout_state: the state is lost on the way back', async () => {
  await world.post('/settings', { logout_state: false });
  const { json } = await world.cibaLogin();
  const answer = await world.http(query({
    id_token_hint: json.id_token, post_logout_redirect_uri: BACK, state: 'abc',
  }));
  assert.equal(answer.headers.location, BACK);
});

test('GET without an address: a page', async () => {
  const { json } = await world.cibaLogin();
  const answer = await world.http(query({ id_token_hint: json.id_token }));
  assert.equal(answer.status, 200);
  assert.match(answer.text, /Session fermée/);
  await assertEnded(json);
});

test('a hint of a key rotated away still works; a second logout is harmless', async () => {
  const { json } = await world.cibaLogin();
  await world.post('/rotate', { keep: false });
  for (let i = 0; i < 2; i += 1) {
    const { status } = await world.http(endpoint(), { form: { id_token_hint: json.id_token } });
    assert.equal(status, 204);
  }
  await assertEnded(json);
});

test('refused: no hint, a forged one, an access token, an unregistered address', async () => {
  const { json } = await world.cibaLogin();
  const cases = [{}, { id_token_hint: `${json.id_token}x` }, { id_token_hint: json.access_token },
    { id_token_hint: json.id_token, post_logout_redirect_uri: 'http://127.0.0.1/elsewhere' },
    { id_token_hint: json.id_token, client_id: 'psc-post' }];
  for (const form of cases) {
    assert.equal((await world.http(endpoint(), { form })).status, 400, Object.keys(form).join());
  }
  assert.equal((await world.userinfo(json.access_token)).status, 200);
});

test('logging out ends single sign-on in the browser as well', async () => {
  const browser = new Browser(world);
  const { answer } = await new CodeFlow(world, { client: 'psc-basic' }).byCard(DOCTOR, browser);
  await world.http(endpoint(), { form: { id_token_hint: answer.json.id_token } });
  await assertEnded(answer.json);
  const silent = await browser.follow(new CodeFlow(world, { prompt: 'none' }).url());
  assert.equal(CodeFlow.callback(silent).error, 'login_required');
});

test('a session ended elsewhere: refresh and introspection tell', async () => {
  const { json } = await world.cibaLogin();
  assert.deepEqual(await world.post('/sessions/end', { login: DOCTOR }), { ended: 1 });
  await assertEnded(json);
});
