// SPDX-License-Identifier: Apache-2.0
// Each ID-token fault is judged by a verifier written here on npm `jose`: the faults must be
// refused for the reason they stand for, the harmless ones accepted.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { compactVerify, createLocalJWKSet } from 'jose';
import { claimsOf, CodeFlow, DOCTOR, headerOf, useSandbox } from './helpers.js';

const world = await useSandbox();
const { idt: catalogue } = await world.ask('GET', '/catalogue');
const MAX_TOKEN = 16 * 1024;

function checkShape(token) {
  if (token === undefined) return 'absent';
  if (token.length > MAX_TOKEN) return 'size';
  const parts = token.split('.');
  if (parts.length !== 3) return 'segments';
  return parts.every((part) => /^[\w-]*$/.test(part)) ? undefined : 'base64url';
}

async function checkSignature(token, jwks) {
  const header = headerOf(token);
  if (header.alg !== 'RS256') return 'alg';
  if (header.crit) return 'crit';
  if (!jwks.keys.some(({ kid }) => kid === header.kid)) return 'kid';
  try {
    await compactVerify(token, createLocalJWKSet(jwks), { algorithms: ['RS256'] });
    return undefined;
  } catch { return 'signature'; }
}

function decode(token) {
  const bytes = Buffer.from(token.split('.')[1], 'base64url');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const claims = JSON.parse(text);
    if (Array.isArray(claims)) return { reason: 'object' };
    const members = text.match(/"SubjectNameID":/g) ?? [];
    return members.length > 1 ? { reason: 'duplicate' } : { claims };
  } catch (error) {
    return { reason: error instanceof SyntaxError ? 'json' : 'utf8' };
  }
}

const isNumber = (value) => typeof value === 'number';

// The first rule that the claims break; expected: { nonce, login, access }.
function checkClaims(claims, { nonce, login, access }) {
  const now = Date.now() / 1000;
  const audiences = [claims.aud].flat();
  const half = createHash('sha256').update(access).digest().subarray(0, 16).toString('base64url');
  const request = 'urn:openid:params:jwt:claim:auth_req_id';
  const rules = [
    ['iss', claims.iss === world.issuer],
    ['aud', audiences.includes('psc-public')],
    ['azp', claims.azp === undefined ? audiences.length === 1 : claims.azp === 'psc-public'],
    ['exp', isNumber(claims.exp) && claims.exp > now],
    ['iat', isNumber(claims.iat) && claims.iat < now + 60],
    ['nbf', claims.nbf === undefined || claims.nbf < now + 60],
    ['sub', typeof claims.sub === 'string' && claims.sub.endsWith(`:${login}`)],
    ['nonce', claims.nonce === nonce],
    ['name_id', claims.SubjectNameID === login],
    ['at_hash', claims.at_hash === undefined || claims.at_hash === half],
    ['typ', claims.typ === 'ID'],
    ['acr', ['eidas1', 'eidas2', 'eidas3'].includes(claims.acr)],
    ['auth_time', claims.auth_time === 0
      || (claims.auth_time > now - 4 * 3600 && claims.auth_time < now + 60)],
    ['auth_req_id', claims[request] === undefined],
  ];
  return rules.find(([, holds]) => !holds)?.[0];
}

async function verdict(answer, expected) {
  const { id_token: token, access_token: access } = answer.json;
  const { json: jwks } = await world.http(`${world.oidc}/certs`);
  const early = checkShape(token) ?? await checkSignature(token, jwks);
  if (early) return early;
  const { claims, reason } = decode(token);
  return reason ?? checkClaims(claims, { ...expected, access }) ?? 'accepted';
}

async function loginWith(how) {
  if (how) await world.fault('idt', undefined, { how });
  const flow = new CodeFlow(world);
  const { answer } = await flow.byCard(DOCTOR);
  assert.equal(answer.status, 200);
  return verdict(answer, { nonce: flow.nonce, login: DOCTOR });
}

const REASONS = {
  wrong_nonce: 'nonce', no_nonce: 'nonce', wrong_iss: 'iss', no_iss: 'iss', wrong_aud: 'aud',
  no_aud: 'aud', multi_aud: 'azp', wrong_azp: 'azp', expired: 'exp', no_exp: 'exp',
  exp_string: 'exp', iat_future: 'iat', no_iat: 'iat', nbf_future: 'nbf', no_sub: 'sub',
  wrong_sub: 'sub', wrong_name_id: 'name_id', no_name_id: 'name_id', wrong_at_hash: 'at_hash',
  wrong_acr: 'acr', no_acr: 'acr', wrong_auth_req: 'auth_req_id', typ_at: 'typ', no_typ: 'typ',
  old_auth_time: 'auth_time', auth_time_future: 'auth_time',
  alg_none: 'alg', hs_pub: 'alg', badsig: 'signature', empty_sig: 'signature',
  payload_swap: 'signature', no_kid: 'kid', unknown_kid: 'kid', rogue_key: 'signature',
  rogue_jwk_header: 'signature', rogue_jku_header: 'signature', crit: 'crit', ps256: 'alg',
  rs512: 'alg', alg_case: 'alg',
  missing: 'absent', two_parts: 'segments', extra_part: 'segments', padded: 'base64url',
  dup_member: 'duplicate', not_json: 'json', payload_array: 'object', bad_utf8: 'utf8',
  huge: 'size',
};

test('without a fault the verifier accepts', async () => {
  assert.equal(await loginWith(), 'accepted');
});

test('every fault of the catalogue has its reason here', () => {
  const { harmless, ...faults } = catalogue;
  assert.deepEqual(Object.values(faults).flat().sort(), Object.keys(REASONS).sort());
  assert.ok(harmless.length > 0);
});

for (const [how, reason] of Object.entries(REASONS)) {
  test(`${how} is refused: ${reason}`, async () => {
    assert.equal(await loginWith(how), reason);
    assert.equal(await loginWith(), 'accepted', 'the fault is over');
  });
}

for (const how of catalogue.harmless) {
  test(`${how} is unusual but right`, async () => {
    assert.equal(await loginWith(how), 'accepted');
    const [fault] = await world.ask('GET', '/fault');
    assert.equal(fault.hits, 1);
  });
}

test('signature faults really carry what they say', async () => {
  const tokenWith = async (how) => {
    await world.fault('idt', undefined, { how });
    return (await new CodeFlow(world).byCard()).answer.json.id_token;
  };
  assert.equal(headerOf(await tokenWith('alg_none')).alg, 'none');
  assert.equal(headerOf(await tokenWith('hs_pub')).alg, 'HS256');
  assert.equal(headerOf(await tokenWith('rogue_jwk_header')).jwk.kty, 'RSA');
  assert.deepEqual(headerOf(await tokenWith('crit')).crit, ['policy']);
});

test('ps256 and rs512 verify under their name: only a pinned algorithm refuses them', async () => {
  for (const [how, alg] of [['ps256', 'PS256'], ['rs512', 'RS512']]) {
    await world.fault('idt', undefined, { how });
    const { id_token: token } = (await new CodeFlow(world).byCard()).answer.json;
    const { json: jwks } = await world.http(`${world.oidc}/certs`);
    const keys = jwks.keys.map(({ alg: declared, ...key }) => key);
    await compactVerify(token, createLocalJWKSet({ keys }), { algorithms: [alg] });
  }
});

test('a fault may wait, repeat, set claims itself, and spare pending polls', async () => {
  await world.fault('idt', 'token.ciba', { set: { SubjectNameID: 'somebody' }, times: 2, skip: 1 });
  const names = [];
  for (let i = 0; i < 4; i += 1) {
    const { json } = await world.ciba(DOCTOR);
    await world.poll(json.auth_req_id);
    await world.post('/ecps/decide', { number: '42' });
    names.push(claimsOf((await world.poll(json.auth_req_id)).json.id_token).SubjectNameID);
  }
  assert.deepEqual(names, [DOCTOR, 'somebody', 'somebody', DOCTOR]);
});

test('refresh that names another issuer or another person', async () => {
  for (const [how, claim] of [['wrong_iss', 'iss'], ['wrong_sub', 'sub']]) {
    const { json } = await world.cibaLogin();
    await world.fault('idt', 'token.refresh', { how });
    const refreshed = (await world.refresh(json.refresh_token)).json;
    assert.notEqual(claimsOf(refreshed.id_token)[claim], claimsOf(json.id_token)[claim]);
  }
});
