// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  claimsOf, CodeFlow, DOCTOR, NURSE, sleep, useSandbox,
} from './helpers.js';

const world = await useSandbox();

const introspect = async (token, headers = world.basic()) => (
  await world.http(`${world.oidc}/token/introspect`, { form: { token }, headers })).json;

test('access token: a Keycloak-like JWT, bound to the ID token by at_hash', async () => {
  const { json } = await world.cibaLogin();
  const claims = claimsOf(json.access_token);
  assert.equal(claims.typ, 'Bearer');
  assert.equal(claims.aud, undefined);
  assert.equal(claims.azp, 'psc-basic');
  assert.equal(claims.nonce, '');
  assert.equal(claims.exp - claims.iat, 120);
  const half = createHash('sha256').update(json.access_token).digest().subarray(0, 16);
  assert.equal(claimsOf(json.id_token).at_hash, half.toString('base64url'));
});

test('UserInfo of every account, and its sub', async () => {
  const withoutRefPro = [];
  for (const id of Object.keys(world.cards)) {
    const { json } = await world.cibaLogin(id);
    const { status, json: info } = await world.userinfo(json.access_token);
    assert.equal(status, 200);
    assert.equal(info.SubjectNameID, id);
    assert.equal(info.authMode, 'MOBILE');
    assert.equal(info.sub, claimsOf(json.id_token).sub);
    if (info.SubjectRefPro) assert.ok(info.SubjectRefPro.exercices[0].activities.length > 0);
    else withoutRefPro.push(id);
  }
  assert.deepEqual(withoutRefPro, ['ANS20261122000001', '500000001815646/CPAT00045']);
});

test('UserInfo refuses what is not a live access token', async () => {
  const { json } = await world.cibaLogin();
  const [header, payload, signature] = json.access_token.split('.');
  const swapped = Buffer.from(JSON.stringify({
    ...claimsOf(json.access_token), preferred_username: NURSE,
  })).toString('base64url');
  for (const token of [`${header}.${swapped}.${signature}`, claimsOf(json.access_token).jti,
    json.refresh_token, 'nothing', `${header}.${payload}`]) {
    assert.equal((await world.userinfo(token)).status, 401);
  }
  assert.equal((await world.userinfo(json.access_token)).status, 200);
  assert.equal((await world.http(`${world.oidc}/userinfo`)).status, 401);
});

test('scope openid alone gives sub alone', async () => {
  const { json } = await world.cibaLogin(DOCTOR, { scope: 'openid' });
  assert.deepEqual(Object.keys((await world.userinfo(json.access_token)).json), ['sub']);
});

test('refresh rotates; the old token, used again, ends the session', async () => {
  const first = (await world.cibaLogin()).json;
  const second = (await world.refresh(first.refresh_token)).json;
  assert.notEqual(second.refresh_token, first.refresh_token);
  const [before, after] = [first, second].map(({ id_token: token }) => claimsOf(token));
  for (const name of ['sub', 'sid', 'auth_time', 'iss', 'acr']) {
    assert.equal(after[name], before[name], name);
  }
  assert.equal((await world.refresh(first.refresh_token)).json.error, 'invalid_grant');
  assert.equal((await world.refresh(second.refresh_token)).json.error, 'invalid_grant');
});

test('settings: no rotation, no ID token at refresh', async () => {
  await world.post('/settings', { rotate_refresh: false, refresh_id_token: false });
  const first = (await world.cibaLogin()).json;
  const second = (await world.refresh(first.refresh_token)).json;
  assert.equal(second.refresh_token, first.refresh_token);
  assert.equal(second.id_token, undefined);
});

// Lives are counted in whole seconds: one of 4 lasts more than 3, at most 4.
test('lifetimes: access token, refresh token, session', async () => {
  const loginWith = async (settings) => {
    await world.post('/settings', { access_ttl: 120, refresh_ttl: 1800, ...settings });
    const { json } = await world.cibaLogin();
    assert.equal((await world.userinfo(json.access_token)).status, 200);
    return json;
  };
  const short = await loginWith({ access_ttl: 4 });
  const idle = await loginWith({ refresh_ttl: 4 });
  const session = await loginWith({ session_ttl: 4 });
  await sleep(4100);
  assert.equal((await world.userinfo(short.access_token)).status, 401);
  assert.equal((await world.refresh(short.refresh_token)).status, 200);
  assert.equal((await world.userinfo(idle.access_token)).status, 200);
  assert.equal((await world.refresh(idle.refresh_token)).json.error, 'invalid_grant');
  assert.equal((await world.userinfo(session.access_token)).status, 401);
  assert.equal((await world.refresh(session.refresh_token)).json.error, 'invalid_grant');
});

test('introspection: the person for access tokens only; inactive says nothing more', async () => {
  const { json } = await world.cibaLogin(NURSE);
  const access = await introspect(json.access_token);
  assert.equal(access.active, true);
  assert.equal(access.SubjectNameID, NURSE);
  assert.equal(access.typ, 'Bearer');
  assert.equal(access.sub, claimsOf(json.id_token).sub);
  const refresh = await introspect(json.refresh_token);
  assert.equal(refresh.active, true);
  assert.equal(refresh.SubjectNameID, undefined);
  assert.deepEqual(await introspect('nothing'), { active: false });
  assert.deepEqual(await introspect(`${json.access_token}x`), { active: false });
});

test('revoking the refresh token ends its access token', async () => {
  const { json } = await world.cibaLogin();
  const { status } = await world.http(`${world.oidc}/revoke`, {
    form: { token: json.refresh_token }, headers: world.basic(),
  });
  assert.equal(status, 200);
  assert.deepEqual(await introspect(json.access_token), { active: false });
  assert.equal((await world.refresh(json.refresh_token)).json.error, 'invalid_grant');
});

test('variants: opaque tokens, UUID sub, JWT UserInfo, absent acr, other authMode', async () => {
  await world.post('/settings', {
    access_token: 'opaque', sub_format: 'uuid', userinfo: 'jwt', acr: { MOBILE: null },
    auth_mode: { MOBILE: 'WEBAUTHN' },
  });
  const { json } = await world.cibaLogin();
  assert.ok(!json.access_token.includes('.'));
  const claims = claimsOf(json.id_token);
  assert.match(claims.sub, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(!('acr' in claims));
  assert.equal(claims.authMode, 'WEBAUTHN');
  const info = await world.userinfo(json.access_token);
  assert.match(info.headers['content-type'], /^application\/jwt/);
  assert.equal(claimsOf(info.text).SubjectNameID, DOCTOR);
  assert.equal((await introspect(json.access_token)).SubjectNameID, DOCTOR);
});

async function cibaAs(form, options) {
  const request = await world.ciba(DOCTOR, form, { headers: {}, ...options });
  return request;
}

test('client secrets: Basic with awkward characters, in the body, wrong ones', async () => {
  const odd = await world.ciba(DOCTOR, {}, { headers: world.basic('psc-basic-odd') });
  assert.equal(odd.status, 200);
  const { secret } = world.clients['psc-post'];
  assert.equal((await cibaAs({ client_id: 'psc-post', client_secret: secret })).status, 200);
  const wrong = await cibaAs({ client_id: 'psc-post', client_secret: 'wrong' });
  assert.deepEqual([wrong.status, wrong.json.error], [401, 'invalid_client']);
  const none = await cibaAs({ client_id: 'psc-basic' });
  assert.deepEqual([none.status, none.json.error], [401, 'invalid_client']);
  assert.equal((await cibaAs({ client_id: 'psc-public' })).status, 200);
});

function assertion(changes = {}) {
  const now = Math.floor(Date.now() / 1000);
  const { key, kid } = world.clients['psc-jwt'];
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'RS256', kid })}.${encode({
    iss: 'psc-jwt', sub: 'psc-jwt', aud: world.issuer, iat: now, exp: now + 60, jti: randomUUID(),
    ...changes,
  })}`;
  const signature = sign('sha256', Buffer.from(text), createPrivateKey(readFileSync(key)));
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${text}.${signature.toString('base64url')}`,
  };
}

test('private_key_jwt: both audiences; replay and another audience refused', async () => {
  assert.equal((await cibaAs(assertion())).status, 200);
  const { status, json } = await world.token({
    grant_type: 'refresh_token',
    refresh_token: 'none',
    ...assertion({ aud: `${world.oidc}/token` }),
  }, { client: 'psc-jwt' });
  assert.deepEqual([status, json.error], [400, 'invalid_grant'], 'authenticated, then refused');
  const once = assertion();
  assert.equal((await cibaAs(once)).status, 200);
  assert.equal((await cibaAs(once)).status, 401);
  assert.equal((await cibaAs(assertion({ aud: 'https://other.example.test' }))).status, 401);
});

const mtls = (path) => (
  `https://localhost:${world.ports.mtls}/auth/realms/esante-wallet/protocol/openid-connect${path}`);

async function mtlsCiba(client, tls, url = mtls('/ext/ciba/auth')) {
  const form = {
    client_id: client, scope: 'openid scope_all', acr_values: 'eidas1', login_hint: DOCTOR,
    binding_message: '42', channel: 'MOBILE',
  };
  return world.http(url, { form, tls });
}

test('tls_client_auth: on the alias, with the right certificate only', async () => {
  const client = world.clients['psc-mtls'];
  const good = world.identity(client);
  const bad = world.identity({
    certificate: `${world.state}/client-mtls-otherca.pem`,
    key: `${world.state}/client-mtls-otherca.key`,
  });
  assert.equal((await mtlsCiba('psc-mtls', good)).status, 200);
  assert.equal((await mtlsCiba('psc-mtls', bad)).status, 401);
  assert.equal((await mtlsCiba('psc-mtls', {})).status, 401);
  assert.equal((await mtlsCiba('psc-mtls', good, `${world.oidc}/ext/ciba/auth`)).status, 401);
  const [seen] = await world.seen('ciba_auth');
  assert.match(seen.client_certificate, /^CN=sandbox-auth-cli,OU=/);
});

test('certificate-bound tokens: cnf in both encodings, no use without certificate', async () => {
  const tls = world.identity(world.clients['psc-mtls-bound']);
  const login = async () => {
    const { json } = await mtlsCiba('psc-mtls-bound', tls);
    await world.post('/ecps/decide', { number: '42' });
    return (await world.http(mtls('/token'), {
      form: {
        client_id: 'psc-mtls-bound', grant_type: 'urn:openid:params:grant-type:ciba',
        auth_req_id: json.auth_req_id,
      },
      tls,
    })).json;
  };
  const { access_token: token } = await login();
  const { cnf } = claimsOf(token);
  assert.match(cnf['x5t#S256'], /^[\w-]{43}$/);
  assert.equal((await world.userinfo(token)).status, 401);
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await world.http(mtls('/userinfo'), { headers, tls })).status, 200);
  await world.post('/settings', { cnf_encoding: 'ans' });
  const ans = claimsOf((await login()).access_token).cnf['x5t#S256'];
  assert.equal(ans.length, 88);
  const hex = Buffer.from(ans, 'base64').toString();
  assert.equal(Buffer.from(hex, 'hex').toString('base64url'), cnf['x5t#S256']);
});

test('the code flow works for each confidential client with a secret', async () => {
  for (const client of ['psc-basic', 'psc-basic-odd']) {
    const { answer } = await new CodeFlow(world, { client }).byCard();
    assert.equal(claimsOf(answer.json.id_token).aud, client);
  }
});
