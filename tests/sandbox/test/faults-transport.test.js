// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { test } from 'node:test';
import { Browser, CodeFlow, DOCTOR, sleep, useSandbox } from './helpers.js';

const world = await useSandbox();
const jwks = () => world.http(`${world.oidc}/certs`);
const elapsed = async (work) => {
  const start = performance.now();
  const result = await work();
  return { result, ms: performance.now() - start };
};

test('delay', async () => {
  await world.fault('delay', 'jwks', { ms: 800 });
  const { result, ms } = await elapsed(jwks);
  assert.equal(result.status, 200);
  assert.ok(ms >= 790, `${ms} ms`);
  const after = []; // the machine may be slow once
  for (let i = 0; i < 3; i += 1) after.push((await elapsed(jwks)).ms);
  assert.ok(Math.min(...after) < 790, `${after} ms`);
});

test('status, with headers and body', async () => {
  await world.fault('status', 'jwks', { status: 503, headers: { 'retry-after': '7' }, body: 'x' });
  const answer = await jwks();
  assert.deepEqual([answer.status, answer.headers['retry-after'], answer.text], [503, '7', 'x']);
});

test('reset is a TCP reset', async () => {
  await world.fault('reset', 'jwks');
  await assert.rejects(jwks(), { code: 'ECONNRESET' });
  assert.equal((await jwks()).status, 200);
});

test('hang: nothing comes', async () => {
  await world.fault('hang', 'jwks');
  const answer = jwks().then(() => 'answered', () => 'closed');
  assert.equal(await Promise.race([answer, sleep(400).then(() => 'silent')]), 'silent');
  await world.post('/reset');
  assert.equal(await answer, 'closed', 'a reset drops hanging connections');
});

test('garbage: the real answer cut in half, with a true length', async () => {
  await world.fault('garbage', 'jwks');
  const answer = await jwks();
  assert.equal(answer.status, 200);
  assert.throws(() => JSON.parse(answer.text), SyntaxError);
  assert.equal(Number(answer.headers['content-length']), answer.text.length);
  const whole = (await jwks()).text;
  assert.ok(whole.startsWith(answer.text) && answer.text.length < whole.length);
});

test('truncate: fewer bytes than announced, then the end', async () => {
  await world.fault('truncate', 'jwks');
  const socket = connect({ port: world.ports.auth, host: '127.0.0.1', ca: world.caText });
  socket.write(`GET ${new URL(world.oidc).pathname}/certs HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  const text = (await socket.setEncoding('utf8').toArray()).join('');
  const [head, body] = text.split('\r\n\r\n');
  const [, announced] = /content-length: (\d+)/i.exec(head);
  assert.ok(body.length > 0 && body.length < Number(announced), `${body.length}/${announced}`);
});

test('drip: the whole answer, slowly', async () => {
  await world.fault('drip', 'jwks', { bytes: 100, ms: 50 });
  const { result, ms } = await elapsed(jwks);
  assert.equal(result.json.keys.length, 2);
  assert.ok(ms > 200, `${ms} ms`);
});

test('huge', async () => {
  await world.fault('huge', 'userinfo', { bytes: 5_000_000 });
  const answer = await world.userinfo('any');
  assert.ok(answer.text.length >= 5_000_000);
});

test('html and redirect: the captive portal', async () => {
  await world.fault('html', 'discovery');
  const portal = await world.http(world.discovery);
  assert.equal(portal.status, 200);
  assert.match(portal.headers['content-type'], /^text\/html/);
  await world.fault('redirect', 'token');
  const answer = await world.token({ grant_type: 'refresh_token', refresh_token: 'x' });
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.location, `${new URL(world.wallet).origin}/elsewhere`);
  await world.http(answer.headers.location);
  assert.equal((await world.seen('nowhere')).length, 1, 'following it would be seen');
});

test('after: the work is done, the answer is lost', async () => {
  const { json } = await world.cibaLogin();
  await world.fault('reset', 'token.refresh', { after: true });
  await assert.rejects(world.refresh(json.refresh_token), { code: 'ECONNRESET' });
  const again = await world.refresh(json.refresh_token);
  assert.equal(again.json.error, 'invalid_grant', 'the token was rotated all the same');
});

test('after, a delay holds the real answer', async () => {
  await world.fault('delay', 'jwks', { ms: 200, after: true });
  const { result, ms } = await elapsed(jwks);
  assert.equal(result.json.keys.length, 2);
  assert.match(result.headers['content-type'], /json/);
  assert.ok(ms >= 190, `${ms} ms`);
});

test('skip, times, until cleared, any route', async () => {
  await world.fault('status', 'jwks', { status: 500, skip: 1, times: 2 });
  const statuses = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await jwks()).status);
  assert.deepEqual(statuses, [200, 500, 500, 200]);
  await world.fault('status', '*', { status: 502, times: -1 });
  assert.equal((await jwks()).status, 502);
  assert.equal((await world.http(world.discovery)).status, 502);
  await world.ask('DELETE', '/fault');
  assert.equal((await jwks()).status, 200);
});

test('faults reach every route they can be set on', async () => {
  const { routes } = await world.ask('GET', '/catalogue');
  const post = (path, form) => world.http(world.oidc + path, { form, headers: world.basic() });
  const visits = {
    discovery: () => world.http(world.discovery),
    jwks,
    token: () => post('/token', { grant_type: 'x' }),
    'token.code': () => post('/token', { grant_type: 'authorization_code' }),
    'token.refresh': () => post('/token', { grant_type: 'refresh_token' }),
    'token.ciba': () => world.poll('x'),
    userinfo: () => world.userinfo('x'),
    ciba_auth: () => world.ciba(DOCTOR),
    introspect: () => post('/token/introspect', { token: 'x' }),
    revoke: () => post('/revoke', { token: 'x' }),
    logout: () => post('/logout', { id_token_hint: 'x' }),
    par: () => post('/ext/par/request', {}),
    authorize: () => world.http(world.wallet),
    login: () => world.http(`${new URL(world.wallet).origin}/login/x`),
    proxy_connect: () => world.http(`${world.proxy}/connect`, { form: {} }),
    proxy_send: () => world.http(`${world.proxy}/send/x`),
    proxy_disconnect: () => world.http(`${world.proxy}/disconnect`, { method: 'DELETE' }),
    api_token: () => world.http(`${world.api.issuer}/token`, { form: {} }),
    api_discovery: () => world.http(`${world.api.issuer}/.well-known/openid-configuration`),
    '*': jwks,
  };
  for (const route of routes.filter((name) => name !== 'callback')) {
    await world.fault('status', route, { status: 599 });
    assert.equal((await visits[route]()).status, 599, route);
    assert.notEqual((await visits[route]()).status, 599, route);
  }
});

test('a fault on a page of the login keeps the browser from the callback', async () => {
  await world.fault('html', 'authorize', { body: '<p>Erreur générale</p>', status: 400 });
  const answer = await new Browser(world).follow(new CodeFlow(world).url());
  assert.deepEqual([answer.status, answer.next], [400, undefined]);
});

test('TLS certificates: each bad one is refused for its own reason', async () => {
  const reasons = {
    wrongname: 'ERR_TLS_CERT_ALTNAME_INVALID',
    expired: 'CERT_HAS_EXPIRED',
    otherca: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    selfsigned: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  };
  for (const [cert, code] of Object.entries(reasons)) {
    await world.post('/tls', { cert });
    await assert.rejects(jwks(), { code }, cert);
  }
  await world.post('/tls');
  assert.equal((await jwks()).status, 200);
});

test('TLS versions', async () => {
  await world.post('/tls', { max: 'TLSv1.2' });
  await jwks();
  assert.equal((await world.seen('jwks')).at(-1).tls, 'TLSv1.2');
  await world.post('/tls', { min: 'TLSv1.1', max: 'TLSv1.1' });
  await assert.rejects(jwks());
});

test('outage: refused, stalled, reset connections; then back', async () => {
  await world.post('/outage', { mode: 'refuse' });
  await assert.rejects(jwks(), { code: 'ECONNREFUSED' });
  await world.post('/outage', { mode: 'reset' });
  await assert.rejects(jwks(), { code: 'ECONNRESET' });
  await world.post('/outage', { mode: 'stall' });
  const socket = connect({ port: world.ports.auth, host: '127.0.0.1', ca: world.caText });
  socket.on('error', () => {});
  const handshake = once(socket, 'secureConnect').catch(() => {});
  assert.equal(await Promise.race([handshake, sleep(300).then(() => 'stalled')]), 'stalled');
  socket.destroy();
  await world.post('/outage', { mode: 'none' });
  assert.equal((await jwks()).status, 200);
});
