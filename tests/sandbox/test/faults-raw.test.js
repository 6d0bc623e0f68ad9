// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, useSandbox } from './helpers.js';

const world = await useSandbox();
const jwks = () => world.http(`${world.oidc}/certs`);
const base64 = (text) => Buffer.from(text).toString('base64');

test('bytes, status and type as they are given', async () => {
  await world.fault('raw', 'jwks', { base64: base64('[1]'), status: 203, type: 'text/x' });
  const answer = await jwks();
  assert.deepEqual([answer.status, answer.headers['content-type'], answer.text],
    [203, 'text/x', '[1]']);
});

test('closed before the announced length', async () => {
  await world.fault('raw', 'jwks', { base64: base64('{'), length: 100, then: 'close' });
  await assert.rejects(jwks());
});

test('the same for ever, until the client has had enough', async () => {
  await world.fault('raw', 'jwks', { base64: base64('x'), then: 'again', ms: 5 });
  const answer = jwks().then(() => 'answered', () => 'closed');
  assert.equal(await Promise.race([answer, sleep(300).then(() => 'still')]), 'still');
  await world.post('/reset');
  assert.equal(await answer, 'closed');
});
