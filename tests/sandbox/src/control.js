// SPDX-License-Identifier: Apache-2.0
// The control interface: plain HTTP on 127.0.0.1, JSON in and out. Plays the person with the
// phone, injects faults, tells what was seen.
import { createServer } from 'node:http';
import { KINDS, ROUTES } from './faults.js';
import { ID_TOKEN_FAULTS } from './idtoken-faults.js';
import { KEY_FAULT_NAMES } from './key-faults.js';
import { phonePage } from './phone-page.js';

const MAX_BODY = 1024 * 1024;

const CATALOGUE = { routes: ROUTES, kinds: KINDS, idt: ID_TOKEN_FAULTS, keys: KEY_FAULT_NAMES };

class NotFound extends Error {}

async function readFields(req) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > MAX_BODY) throw new TypeError('body too large');
  }
  if (text === '') return {};
  // curl -d labels JSON as a form: the text decides. Only the phone's page sends real forms.
  return /^\s*\{/.test(text) ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
}

// A web page in the developer's browser must not be able to drive us: only loopback names in
// Host, only our own origin.
function isLocal({ headers: { host, origin } }) {
  const { hostname } = new URL(`http://${host}`);
  const local = ['127.0.0.1', 'localhost'].includes(hostname);
  return local && (origin === undefined || origin === `http://${host}`);
}

function actions(sandbox) {
  const { accounts, clients, faults, journal, keys, listeners, phone, settings } = sandbox;
  const done = { ok: true };
  return {
    'GET /health': () => done,
    'GET /catalogue': () => CATALOGUE,
    'GET /seen': ({ route, since }) => journal.list({ route, since: Number(since ?? 0) }),
    'DELETE /seen': () => { journal.clear(); return done; },
    'GET /fault': () => faults.list(),
    'POST /fault': (spec) => faults.add(spec),
    'DELETE /fault': ({ id }) => { if (id) faults.remove(id); else faults.clear(); return done; },
    'GET /settings': () => settings.all(),
    'POST /settings': (values) => { settings.change(values); return settings.all(); },
    'POST /rotate': async (how) => ({ kid: await keys.rotate(how) }),
    'POST /tls': (how) => { listeners.setTls(how); return done; },
    'POST /outage': async ({ mode }) => { await listeners.setOutage(mode); return done; },
    'GET /ecps/requests': () => phone.history(),
    'GET /ecps/pending': () => phone.pending(),
    'POST /ecps/auto': (how) => phone.auto(how),
    'POST /ecps/decide': async (answer) => {
      const result = await phone.decide(answer);
      if (!result) throw new NotFound('no pending request');
      return result;
    },
    'GET /accounts': () => accounts.list(),
    'POST /accounts': (person) => { accounts.add(person); return done; },
    'POST /clients': (client) => { clients.add(client); return done; },
    'GET /proxy/sessions': () => sandbox.proxy.list(),
    'POST /proxy/forget': () => { sandbox.proxy.reset(); return done; },
    'GET /sessions': () => sandbox.sessions(),
    'POST /sessions/end': async ({ login }) => ({ ended: await sandbox.endSessions(login) }),
    'POST /reset': async () => { await sandbox.reset(); return done; },
  };
}

function answer(res, status, value) {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  res.end(`${JSON.stringify(value)}\n`);
}

async function handle(req, res, sandbox, table) {
  if (!isLocal(req)) { answer(res, 403, { error: 'local use only' }); return; }
  const url = new URL(req.url, 'http://127.0.0.1');
  if (req.method === 'GET' && url.pathname === '/') { phonePage(res, sandbox.phone); return; }
  const action = table[`${req.method} ${url.pathname}`];
  if (!action) throw new NotFound('no such action');
  const value = await action({ ...Object.fromEntries(url.searchParams), ...await readFields(req) });
  if (/html/.test(req.headers.accept ?? '')) {
    res.writeHead(303, { location: '/' }).end(); // a browser, on the phone's page
  } else {
    answer(res, 200, value);
  }
}

export function openControl(sandbox, port) {
  const table = actions(sandbox);
  const server = createServer((req, res) => {
    handle(req, res, sandbox, table).catch((error) => {
      const status = error instanceof NotFound ? 404 : 400;
      answer(res, status, { error: error.message });
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}
