// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { claimsOf, useSandbox } from './helpers.js';

const world = await useSandbox();
const TYPE = 'urn:ietf:params:oauth:token-type:';

const tls = () => world.identity(world.clients['psc-mtls']);

function exchange(subject, changes = {}, options = { tls: tls() }) {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', client_id: 'lps-api',
    subject_token: subject, subject_token_type: `${TYPE}access_token`, scope: 'dmp.read',
    audience: 'https://api.example.test/dmp', ...changes,
  };
  return world.http(`${world.api.issuer}/token`, { form, ...options });
}

async function subject() {
  return (await world.cibaLogin()).json.access_token;
}

test('a PSC token is exchanged for one bound to the certificate', async () => {
  const { status, json } = await exchange(await subject());
  assert.equal(status, 200);
  assert.equal(json.issued_token_type, `${TYPE}access_token`);
  const { raw } = new X509Certificate(tls().cert);
  const x5t = createHash('sha256').update(raw).digest('base64url');
  assert.equal(claimsOf(json.access_token).cnf['x5t#S256'], x5t);
  await world.post('/settings', { cnf_encoding: 'ans' });
  const other = claimsOf((await exchange(await subject())).json.access_token).cnf['x5t#S256'];
  const hex = Buffer.from(x5t, 'base64url').toString('hex');
  assert.equal(other, Buffer.from(hex).toString('base64'));
});

test('and refused for what is wrong', async () => {
  const good = await subject();
  const cases = [
    [{ audience: 'https://elsewhere.example.test' }, 'invalid_target'],
    [{ scope: 'everything' }, 'invalid_scope'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ subject_token_type: `${TYPE}saml2` }, 'invalid_request'],
    [{ subject_token: 'x' }, 'invalid_request'],
    [{ client_id: 'lps-api-basic' }, 'invalid_client'],
  ];
  for (const [changes, error] of cases) {
    assert.equal((await exchange(good, changes)).json.error, error);
  }
  assert.equal((await exchange(good, {}, {})).status, 401, 'no certificate');
});

test('a token that PSC has ended is refused', async () => {
  const good = await subject();
  await world.post('/sessions/end', {});
  assert.equal((await exchange(good)).json.error, 'invalid_request');
});
