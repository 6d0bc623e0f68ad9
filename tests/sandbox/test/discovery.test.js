// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { useSandbox } from './helpers.js';

const world = await useSandbox();

test("PSC's own discovery path: authorization endpoint on another host", async () => {
  const { status, json } = await world.http(world.discovery);
  assert.equal(status, 200);
  assert.equal(json.issuer, world.issuer);
  assert.equal(json.authorization_endpoint, world.wallet);
  assert.notEqual(new URL(json.authorization_endpoint).hostname, new URL(json.issuer).hostname);
  assert.deepEqual(json.acr_values_supported, ['0', '0']);
  assert.equal(json.token_endpoint, `${world.issuer}/protocol/openid-connect/token`);
  assert.equal(json.end_session_endpoint, `${world.issuer}/protocol/openid-connect/logout`);
  assert.equal(new URL(json.mtls_endpoint_aliases.token_endpoint).port, String(world.ports.mtls));
});

test("the standard path gives Keycloak's authorization endpoint", async () => {
  const { json } = await world.http(`${world.issuer}/.well-known/openid-configuration`);
  assert.equal(json.authorization_endpoint, `${world.issuer}/protocol/openid-connect/auth`);
});

test('JWKS: one signing key, one encryption key', async () => {
  const { json } = await world.http(`${world.oidc}/certs`);
  assert.deepEqual(json.keys.map(({ use, alg, kty }) => [use, alg, kty]),
    [['sig', 'RS256', 'RSA'], ['enc', 'RSA-OAEP', 'RSA']]);
  assert.ok(json.keys.every((key) => key.d === undefined && key.p === undefined));
});

test('each listener serves its own addresses only', async () => {
  const { origin } = new URL(world.wallet);
  const { pathname } = new URL(`${world.oidc}/certs`);
  assert.equal((await world.http(origin + pathname)).status, 404);
  assert.equal((await world.http(`${new URL(world.issuer).origin}/auth`)).status, 404);
  assert.equal((await world.http(`https://localhost:${world.ports.cps}${pathname}`)).status, 404);
});

test('the IPv6 loopback answers too, where there is one', async (t) => {
  const interfaces = Object.values(networkInterfaces()).flat();
  if (!interfaces.some(({ address }) => address === '::1')) { t.skip('no ::1 here'); return; }
  const tls = { hostname: '::1', servername: 'localhost' };
  assert.equal((await world.http(world.discovery, { tls })).status, 200);
});

test('keys are readable by their owner only, certificates by all', () => {
  const names = readdirSync(world.state);
  assert.ok(names.includes('signing.key'));
  for (const name of names) {
    const expected = name.endsWith('.key') ? 0o600 : 0o644;
    assert.equal(statSync(`${world.state}/${name}`).mode & 0o777, expected, name);
  }
});
