// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { request } from 'node:http';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import {
  Browser, claimsOf, CodeFlow, DOCTOR, LAUNCHER, launch, sleep, useSandbox, World,
} from './helpers.js';

const world = await useSandbox();

test('reset brings everything back', async () => {
  const { json: { keys: [{ kid }] } } = await world.http(`${world.oidc}/certs`);
  const { json } = await world.cibaLogin();
  await world.ciba(DOCTOR);
  await world.fault('status', '*', { times: -1 });
  await world.post('/settings', { access_ttl: 5, acr: { MOBILE: null } });
  await world.post('/rotate', { keep: false });
  await world.post('/tls', { cert: 'expired' });
  await world.post('/outage', { mode: 'refuse' });
  await world.post('/accounts', { id: '899700000444' });
  await world.post('/ecps/auto', {});
  await world.post('/reset');
  assert.equal((await world.http(`${world.oidc}/certs`)).json.keys[0].kid, kid);
  assert.equal((await world.refresh(json.refresh_token)).json.error, 'invalid_grant');
  assert.deepEqual(await world.ask('GET', '/fault'), []);
  assert.deepEqual(await world.ask('GET', '/ecps/requests'), []);
  assert.deepEqual(await world.ask('GET', '/sessions'), []);
  const settings = await world.ask('GET', '/settings');
  assert.equal(settings.access_ttl, 120);
  assert.equal(settings.acr.MOBILE, 'eidas1');
  assert.equal(settings.ciba_interval, 1, 'the command line stays');
  assert.equal((await world.ciba('899700000444')).json.error, 'unknown_user_id');
  assert.equal((await world.cibaLogin()).status, 200);
});

test('the journal says what was sent, without the secrets', async () => {
  const flow = new CodeFlow(world, { client: 'psc-basic' });
  const { callback, answer } = await flow.byCard();
  await world.userinfo(answer.json.access_token);
  const entries = await world.seen();
  assert.deepEqual(entries.map(({ route }) => route),
    ['authorize', 'login', 'login', 'resume', 'token', 'userinfo']);
  const [authorize, , card, , token, userinfo] = entries;
  assert.equal(authorize.params.acr_values, 'eidas1');
  assert.equal(authorize.params.code_challenge_method, 'S256');
  assert.match(card.client_certificate, /899700000011/);
  assert.equal(token.grant, 'code');
  assert.equal(token.accept, 'application/json');
  assert.equal(token.authorization.scheme, 'Basic');
  assert.equal(userinfo.authorization.scheme, 'Bearer');
  const text = JSON.stringify(entries);
  for (const secret of [callback.code, flow.verifier, answer.json.access_token,
    world.clients['psc-basic'].secret]) assert.ok(!text.includes(secret));
  assert.deepEqual((await world.seen('token.code')).length, 1);
  assert.deepEqual((await world.seen('token.refresh')).length, 0);
});

test('accounts and clients can be added', async () => {
  const claims = { email: 'a@b.test' };
  await world.post('/accounts', { id: '899700000555', family: 'AJOUT', claims });
  const { json } = await world.cibaLogin('899700000555');
  const info = (await world.userinfo(json.access_token)).json;
  assert.deepEqual([info.family_name, info.email], ['AJOUT', 'a@b.test']);

  await world.post('/clients', {
    client_id: 'added', token_endpoint_auth_method: 'none', redirect_uris: ['http://localhost/new'],
  });
  const flow = new CodeFlow(world, { client: 'added', redirect: 'http://localhost:5/new' });
  assert.match((await new Browser(world).follow(flow.url())).text, /id="cps"/);
  await assert.rejects(world.post('/accounts', { id: '../etc' }), /bad id/);
});

test('mistakes are told', async () => {
  const wrong = [['/fault', { kind: 'nothing' }], ['/fault', { kind: 'status', on: 'nowhere' }],
    ['/fault', { kind: 'idt', how: 'nothing' }], ['/fault', { kind: 'keys', how: 'nothing' }],
    ['/fault', { kind: 'status', times: 0 }],
    ['/fault', { kind: 'body', on: 'login', set: {} }], ['/settings', { unknown: 1 }],
    ['/settings', { access_ttl: 'long' }], ['/settings', { sub_format: 'x' }],
    ['/tls', { cert: 'nothing' }], ['/outage', { mode: 'nothing' }],
    ['/ecps/auto', { answer: 'maybe' }], ['/ecps/decide', { number: '42' }], ['/nothing', {}]];
  for (const [path, body] of wrong) {
    await assert.rejects(world.post(path, body), Error, JSON.stringify([path, body]));
  }
  assert.deepEqual(await world.ask('GET', '/fault'), []);
});

function rawControl(headers) {
  return new Promise((resolve, reject) => {
    const req = request(`${world.control}/reset`, { method: 'POST', headers }, (res) => {
      res.resume().on('end', () => resolve(res.statusCode));
    });
    req.on('error', reject);
    req.end('{}');
  });
}

test('the control interface is for local programs, not for web pages', async () => {
  assert.equal(await rawControl({ host: 'rebound.example.test' }), 403);
  assert.equal(await rawControl({ origin: 'https://site.example.test' }), 403);
  assert.equal(await rawControl({ origin: world.control }), 200);
});

test('the phone as a page', async () => {
  await world.ciba(DOCTOR);
  const get = () => fetch(`${world.control}/`).then((res) => res.text());
  const page = await get();
  assert.equal(page.match(/name="number"/g).length, 3);
  const [, id] = /name="id" value="([^"]+)"/.exec(page);
  const res = await fetch(`${world.control}/ecps/decide`, {
    method: 'POST', redirect: 'manual', headers: { accept: 'text/html' },
    body: new URLSearchParams({ id, number: '42' }),
  });
  assert.equal(res.status, 303);
  assert.equal((await world.ask('GET', '/ecps/requests'))[0].decision, 'approved');
  assert.match(await get(), /Aucune demande/);
});

test('the command line: help, mistakes, ready line, SIGTERM, nothing more on disk', async (t) => {
  const run = (args) => new Promise((resolve) => {
    execFile(LAUNCHER, args, (error, stdout, stderr) => (
      resolve({ code: error?.code ?? 0, stdout, stderr })));
  });
  assert.match((await run(['--help'])).stdout, /--die-with-parent/);
  for (const args of [[], ['--state', 'x', '--port', 'abc'], ['--nothing']]) {
    assert.equal((await run(args)).code, 64, args.join(' '));
  }
  const { child, ready, state, stop } = await launch();
  t.after(stop);
  const files = readdirSync(state);
  assert.equal(ready.ready, true);
  const other = new World({ ready, state });
  await other.cibaLogin();
  assert.deepEqual(readdirSync(state), files);
  child.kill('SIGTERM');
  const code = await new Promise((resolve) => { child.once('exit', resolve); });
  assert.equal(code, 0);
});

test('the same state directory gives the same keys', async (t) => {
  const other = await launch(['--state', world.state]);
  t.after(other.stop);
  const { json } = await new World(other).http(`${new World(other).oidc}/certs`);
  assert.deepEqual(json, (await world.http(`${world.oidc}/certs`)).json);
});

// An orphan that ended but that init has not reaped yet is not alive.
function alive(pid) {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch { return false; }
}

test('--die-with-parent: the sandbox goes when its parent is killed', async () => {
  const command = `"${LAUNCHER}" --state "${world.state}" --port 0 --die-with-parent`;
  const script = `${command} & echo $!; wait`;
  const shell = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of shell.stdout) {
    output += chunk;
    if (output.includes('"ready":true')) break;
  }
  const pid = Number(output.split('\n')[0]);
  assert.ok(alive(pid));
  shell.kill('SIGKILL');
  for (let i = 0; i < 100 && alive(pid); i += 1) await sleep(50);
  assert.ok(!alive(pid));
});

test('--card-ca: cards of another authority are accepted as well', async (t) => {
  const other = await launch(['--card-ca', world.card_ca]);
  t.after(other.stop);
  const trusting = new World(other);
  const browser = new Browser(trusting);
  const login = await browser.follow(new CodeFlow(trusting).url());
  const ours = world.identity(world.cards[DOCTOR]);
  assert.ok(CodeFlow.callback(await browser.card(login, DOCTOR, ours)).code);
});

test('command-line settings', async (t) => {
  const other = await launch(['--access-ttl', '7', '--ciba-ttl', '9']);
  t.after(other.stop);
  const short = new World(other);
  const { json } = await short.cibaLogin();
  assert.equal((await short.ciba(DOCTOR)).json.expires_in, 9);
  assert.equal(json.expires_in, 7);
  assert.equal(claimsOf(json.access_token).exp - claimsOf(json.access_token).iat, 7);
});
