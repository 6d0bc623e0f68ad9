// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, claimsOf, CodeFlow, DOCTOR, headerOf, useSandbox } from './helpers.js';

const world = await useSandbox();
const jwks = async () => (await world.http(`${world.oidc}/certs`)).json;

test('OAuth errors on token, CIBA request and poll', async () => {
  const { json } = await world.ciba(DOCTOR);
  for (const error of ['slow_down', 'expired_token', 'access_denied', 'transaction_failed',
    'authorization_pending', 'invalid_client']) {
    const status = error === 'invalid_client' ? 401 : 400;
    await world.fault('error', 'token.ciba', { error, status });
    assert.equal((await world.poll(json.auth_req_id)).json.error, error);
  }
  await world.fault('error', 'ciba_auth', { error: 'temporarily_unavailable', status: 503 });
  const refused = await world.ciba(DOCTOR);
  assert.deepEqual([refused.status, refused.json.error], [503, 'temporarily_unavailable']);
  assert.equal((await world.ask('GET', '/ecps/requests')).length, 1, 'the phone did not ring');
});

test('discovery fields set and unset', async () => {
  await world.fault('doc', undefined, {
    set: { issuer: 'https://other.example.test', token_endpoint: 'https://other.example.test/t' },
    unset: ['jwks_uri'],
  });
  const { json } = await world.http(world.discovery);
  assert.equal(json.issuer, 'https://other.example.test');
  assert.equal(json.token_endpoint, 'https://other.example.test/t');
  assert.equal(json.jwks_uri, undefined);
  assert.equal((await world.http(world.discovery)).json.issuer, world.issuer);
});

test('members of an answer changed, duplicated, headers replaced', async () => {
  const set = { sub: 'another', otherIDs: [] };
  await world.fault('body', 'userinfo', { set, unset: ['otherIds'] });
  const { json } = await world.cibaLogin();
  const info = (await world.userinfo(json.access_token)).json;
  assert.deepEqual([info.sub, info.otherIds, info.otherIDs], ['another', undefined, []]);

  await world.fault('duplicate', 'userinfo', { member: 'sub', value: 'first' });
  const { text } = await world.userinfo(json.access_token);
  assert.equal(text.match(/"sub":/g).length, 2);

  await world.fault('headers', 'userinfo', { set: { 'content-type': 'text/plain' } });
  const answer = await world.userinfo(json.access_token);
  assert.match(answer.headers['content-type'], /^text\/plain/);
});

test('token answers as other providers give them', async () => {
  const set = { token_type: 'bEARER' };
  await world.fault('body', 'token', { set, unset: ['id_token', 'refresh_token'] });
  const { json } = await world.cibaLogin();
  assert.equal(json.token_type, 'bEARER');
  assert.equal(json.id_token ?? json.refresh_token, undefined);
});

test('callback: state, iss and error as the fault wants them', async () => {
  const login = async () => {
    const browser = new Browser(world);
    const page = await browser.follow(new CodeFlow(world).url());
    return browser.card(page, DOCTOR);
  };
  await world.fault('body', 'callback', { set: { state: 'other' }, unset: ['iss'] });
  const changed = CodeFlow.callback(await login());
  assert.equal(changed.state, 'other');
  assert.equal(changed.iss, undefined);
  assert.ok(changed.code);

  await world.fault('body', 'callback', { set: { iss: 'https://other.example.test' } });
  assert.equal(CodeFlow.callback(await login()).iss, 'https://other.example.test');

  await world.fault('error', 'callback', { error: 'temporarily_unavailable', description: 'x' });
  const refused = CodeFlow.callback(await login());
  assert.deepEqual([refused.error, refused.code], ['temporarily_unavailable', undefined]);
  assert.ok(refused.state);

  await world.fault('html', 'callback');
  const page = await login();
  assert.deepEqual([page.status, page.next], [200, undefined], 'no callback at all');
});

const EXPECTED = {
  empty: ({ keys }) => assert.deepEqual(keys, []),
  not_a_set: (set) => assert.ok(Array.isArray(set)),
  null_keys: ({ keys }) => assert.equal(keys, null),
  other_keys: ({ keys }, kid) => assert.ok(!keys.some((key) => key.kid === kid)),
  same_kid_other_key: ({ keys }, kid, n) => {
    assert.equal(keys[0].kid, kid);
    assert.notEqual(keys[0].n, n);
  },
  no_kid({ keys }, kid, n) {
    assert.deepEqual(keys.map((key) => [key.kid, key.n]), [[undefined, n]]);
  },
  several_no_kid: ({ keys }, kid, n) => {
    assert.ok(keys.length > 1 && keys.every((key) => key.kid === undefined));
    assert.ok(keys.some((key) => key.n === n));
  },
  duplicate_kid: ({ keys }, kid, n) => {
    assert.deepEqual(keys.map((key) => key.kid), [kid, kid]);
    assert.notEqual(keys[0].n, n);
  },
  small: ({ keys }) => assert.equal(Buffer.from(keys[0].n, 'base64url').length, 128),
  exponent_one: ({ keys }) => assert.equal(keys[0].e, 'AQ'),
  enc_use: ({ keys }) => assert.ok(keys.every(({ use }) => use === 'enc')),
  symmetric: ({ keys }) => assert.equal(keys[0].kty, 'oct'),
  no_alg: ({ keys }, kid) => assert.ok(keys[0].kid === kid && keys.every(({ alg }) => !alg)),
  unknown_kty: ({ keys }, kid) => assert.deepEqual([keys[0].kty, keys[1].kid], ['XYZ', kid]),
  many: ({ keys }, kid) => assert.ok(keys.length > 50 && keys.some((key) => key.kid === kid)),
};

test('every kind of spoilt JWKS', async () => {
  const { keys: names } = await world.ask('GET', '/catalogue');
  assert.deepEqual([...names].sort(), Object.keys(EXPECTED).sort());
  const [{ kid, n }] = (await jwks()).keys;
  for (const how of names) {
    await world.fault('keys', undefined, { how });
    EXPECTED[how](await jwks(), kid, n);
    assert.equal((await jwks()).keys[0].n, n, 'back to normal');
  }
  await world.fault('keys', undefined, { set: { keys: 'text' } });
  assert.deepEqual(await jwks(), { keys: 'text' });
});

test('several keys and an ID token, none with a kid', async () => {
  await world.fault('keys', undefined, { how: 'several_no_kid' });
  await world.fault('idt', undefined, { how: 'no_kid' });
  const { json } = await world.cibaLogin();
  assert.equal(headerOf(json.id_token).kid, undefined);
  assert.ok((await jwks()).keys.length > 1);
});

test('rotation keeps or withdraws the previous key; live tokens survive it', async () => {
  const before = (await world.cibaLogin()).json;
  const { kid } = await world.post('/rotate');
  const kept = await jwks();
  assert.equal(kept.keys[0].kid, kid);
  assert.ok(kept.keys.some((key) => key.kid === headerOf(before.id_token).kid));
  const after = (await world.refresh(before.refresh_token)).json;
  assert.equal(headerOf(after.id_token).kid, kid);
  assert.equal((await world.userinfo(before.access_token)).status, 200);
  assert.equal(claimsOf(after.id_token).sid, claimsOf(before.id_token).sid);

  const { kid: last } = await world.post('/rotate', { keep: false });
  const signing = (await jwks()).keys.filter(({ use }) => use === 'sig');
  assert.deepEqual(signing.map((key) => key.kid), [last]);
});
