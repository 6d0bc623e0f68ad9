// SPDX-License-Identifier: Apache-2.0
// The realm's signing keys, their rotation, and the JWKS as Keycloak publishes it.
import {
  createHash, createPublicKey, generateKeyPair, sign, verify,
} from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

export const base64url = (value) => Buffer.from(value).toString('base64url');
export const encodeJson = (value) => base64url(JSON.stringify(value));

function describe(privateKey, use) {
  const { e, kty, n } = createPublicKey(privateKey).export({ format: 'jwk' });
  const kid = createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
  const alg = use === 'sig' ? 'RS256' : 'RSA-OAEP';
  return { privateKey, kid, jwk: { kid, kty, alg, use, n, e } };
}

export class KeyRing {
  #first; #encryption; #published; #known;

  constructor(signingKey, encryptionKey) {
    this.#first = describe(signingKey, 'sig');
    this.#encryption = describe(encryptionKey, 'enc');
    this.reset();
  }

  reset() {
    this.#published = [this.#first];
    this.#known = [this.#first];
  }

  get current() { return this.#published[0]; }

  // keep: the previous keys stay in the JWKS, as after an ordinary rotation.
  async rotate({ keep = true } = {}) {
    const { privateKey } = await generate('rsa', { modulusLength: 2048 });
    const key = describe(privateKey, 'sig');
    this.#published = keep ? [key, ...this.#published] : [key];
    this.#known.push(key);
    return key.kid;
  }

  jwks() {
    return { keys: [...this.#published, this.#encryption].map(({ jwk }) => ({ ...jwk })) };
  }

  sign(payload, header = {}) {
    const { kid, privateKey } = this.current;
    const fullHeader = { alg: 'RS256', typ: 'JWT', kid, ...header };
    const input = `${encodeJson(fullHeader)}.${encodeJson(payload)}`;
    return `${input}.${base64url(sign('sha256', Buffer.from(input), privateKey))}`;
  }

  // The payload when one of our keys, current or not, signed the token; undefined otherwise.
  open(token) {
    const [header, payload, signature, more] = String(token).split('.');
    if (!signature || more !== undefined) return undefined;
    const input = Buffer.from(`${header}.${payload}`);
    const bytes = Buffer.from(signature, 'base64url');
    if (!this.#known.some(({ privateKey }) => (
      verify('sha256', input, createPublicKey(privateKey), bytes)))) return undefined;
    return JSON.parse(Buffer.from(payload, 'base64url'));
  }
}
