// SPDX-License-Identifier: Apache-2.0
// Faults of the wire: what each does to an exchange. `answer` is the answer to spoil: a real one
// for faults that come after the work, else one made up here.
import { pipeline, Readable } from 'node:stream';

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms).unref(); });

const MADE_UP = {
  status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"ok":true}'),
};
const HUGE_BYTES = 50 * 1024 * 1024;
const PORTAL = '<!DOCTYPE html><html><head><title>Portail</title></head>'
  + '<body><h1>Accès à Internet</h1><form><input name="login"></form></body></html>';

function writeSlowly(res, body, { ms = 100, bytes = 1 }) {
  const step = async (offset) => {
    if (res.destroyed) return;
    if (offset >= body.length) { res.end(); return; }
    res.write(body.subarray(offset, offset + bytes));
    await sleep(ms);
    step(offset + bytes);
  };
  return step(0);
}

function* hugeText(bytes) {
  const chunk = 'A'.repeat(64 * 1024);
  yield '{"filler":"';
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
  yield '"}';
}

// Each returns true when it has answered (or decided that nothing will).
export const TRANSPORT = {
  async delay(res, { ms = 1000 }) {
    await sleep(ms);
    return false;
  },
  async status(res, { status = 503, headers = {}, body = '' }) {
    res.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
    return true;
  },
  async reset(res, fault, { resetConnection }) {
    resetConnection();
    return true;
  },
  async hang() { return true; },
  async garbage(res, fault, { answer = MADE_UP }) {
    const half = answer.body.subarray(0, Math.ceil(answer.body.length / 2));
    res.writeHead(answer.status, { ...answer.headers, 'content-length': half.length }).end(half);
    return true;
  },
  async truncate(res, fault, { answer = MADE_UP }) {
    res.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
    res.write(answer.body.subarray(0, Math.ceil(answer.body.length / 2)), () => {
      res.socket?.end();
    });
    return true;
  },
  async drip(res, fault, { answer = MADE_UP }) {
    res.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
    writeSlowly(res, answer.body, fault);
    return true;
  },
  async huge(res, { bytes = HUGE_BYTES }) {
    res.writeHead(200, { 'content-type': 'application/json' });
    pipeline(Readable.from(hugeText(bytes)), res, () => {}); // most clients leave before the end
    return true;
  },
  async html(res, { body = PORTAL, status = 200 }) {
    res.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(body);
    return true;
  },
  // Any bytes, announced as any length; then the end, a closed connection, silence, or the same
  // again for ever.
  async raw(res, { status = 200, type = 'application/json', base64 = '', length, then = 'end',
    ms = 50 }) {
    const body = Buffer.from(base64, 'base64');
    const announced = length !== undefined && { 'content-length': length };
    res.writeHead(status, { 'content-type': type, ...announced });
    if (then === 'end') res.end(body);
    else if (then === 'close') res.write(body, () => res.socket?.end());
    else if (then === 'silence') res.write(body);
    else while (!res.destroyed) { res.write(body); await sleep(ms); }
    return true;
  },
  async redirect(res, { location, status = 302 }, { elsewhere }) {
    res.writeHead(status, { location: location ?? elsewhere }).end();
    return true;
  },
};
