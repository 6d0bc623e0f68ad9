// SPDX-License-Identifier: Apache-2.0
// The Python helper that the other tests of the project use.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const LIB = fileURLToPath(new URL('../../lib', import.meta.url));
const SCRIPT = `
import os, ssl, urllib.parse, urllib.request
from cpsworld.sandbox import Sandbox, SandboxError

def post(psc, path, **form):
    tls = ssl.create_default_context(cafile=psc.ca_file)
    data = urllib.parse.urlencode({"client_id": "psc-public", **form}).encode()
    url = psc.issuer + "/protocol/openid-connect" + path
    try:
        with urllib.request.urlopen(url, data, context=tls) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code

ASK = dict(scope="openid scope_all", acr_values="eidas1", login_hint="899700000011",
           binding_message="42", channel="MOBILE")
with Sandbox(options=("--access-ttl", "60")) as psc:
    state, pid = os.path.dirname(psc.ca_file), psc.pid
    assert psc.clients["psc-basic"]["secret"] and psc.cards["899700000029"]["key"]
    assert psc.settings()["access_ttl"] == 60
    assert post(psc, "/ext/ciba/auth", **ASK) == 200
    assert psc.phone_decide(42)["decision"] == "approved"
    assert psc.seen("ciba_auth")[0]["params"]["channel"] == "MOBILE"
    psc.fault("status", "ciba_auth", status=503)
    assert post(psc, "/ext/ciba/auth", **ASK) == 503 and psc.faults()[0]["hits"] == 1
    assert len(psc.rotate()) > 20
    psc.reset()
    assert psc.seen() == [] and psc.faults() == [] and psc.phone_requests() == []
    try:
        psc.phone_decide(42)
        raise SystemExit("a decision without a request")
    except SandboxError:
        pass
assert not os.path.exists(state) and not os.path.exists(f"/proc/{pid}")
print("fine")
`;

test('the Python helper starts, drives and stops a sandbox', (t) => {
  const { error, stdout, stderr } = spawnSync('python3', ['-c', SCRIPT], {
    encoding: 'utf8', env: { ...process.env, PYTHONPATH: LIB, PYTHONDONTWRITEBYTECODE: '1' },
  });
  if (error?.code === 'ENOENT') { t.skip('no python3'); return; }
  assert.equal(stdout, 'fine\n', stderr);
});
