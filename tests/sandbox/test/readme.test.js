// SPDX-License-Identifier: Apache-2.0
// The README's examples, run as they are printed but for ports and state directory.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DOCTOR, NURSE, claimsOf, useSandbox } from './helpers.js';

const world = await useSandbox();
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [start, codeFlow, ciba, faults] = [...readme.matchAll(/```sh\n([^]*?)```/g)]
  .map(([, text]) => text);

function run(script, t) {
  const directory = mkdtempSync(join(tmpdir(), 'psc-sandbox-readme-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const { auth, wallet, mtls, cps, control } = world.ports;
  const ports = {
    9400: auth, 9401: wallet, 9402: mtls, 9403: cps, 9404: control,
  };
  const text = script.replaceAll(/940[0-4]/g, (port) => ports[port])
    .replaceAll('.state/', `${world.state}/`);
  return execFileSync('bash', ['-euc', text], { cwd: directory, encoding: 'utf8' });
}

test('the start command is the one tested', () => {
  assert.match(start, /^npm ci\n\.\/psc-sandbox --state/);
});

test('code flow', (t) => {
  assert.equal(JSON.parse(run(codeFlow, t)).SubjectNameID, DOCTOR);
});

test('CIBA', (t) => {
  const [, tokens] = run(ciba, t).split('\n');
  assert.equal(claimsOf(JSON.parse(tokens).id_token).SubjectNameID, NURSE);
});

test('faults', (t) => {
  const lines = run(faults, t).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines[2].map(({ kind }) => kind), ['idt', 'status']);
  assert.deepEqual(lines.at(-1), { ok: true });
});

test('every name of the catalogue is in the page', async () => {
  const { routes, kinds, idt, keys } = await world.ask('GET', '/catalogue');
  const settings = Object.keys(await world.ask('GET', '/settings'));
  for (const name of [...routes, ...kinds, ...Object.values(idt).flat(), ...keys, ...settings]) {
    assert.ok(readme.includes(`\`${name}\``), name);
  }
  for (const client of Object.keys(world.clients)) {
    assert.ok(readme.includes(`\`${client}\``), client);
  }
});
