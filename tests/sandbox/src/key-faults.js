// SPDX-License-Identifier: Apache-2.0
// Ways a JWKS can be wrong or unusual.
import { generateKeyPairSync, randomBytes } from 'node:crypto';

function rsaJwk(modulusLength, kid) {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
  return { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid };
}

const withoutKid = ({ kid, ...rest }) => rest;
const signing = ({ keys }) => keys.filter(({ use }) => use === 'sig');

const KEY_FAULTS = {
  empty: () => ({ keys: [] }),
  not_a_set: ({ keys }) => keys,
  null_keys: () => ({ keys: null }),
  other_keys: () => ({ keys: [rsaJwk(2048, 'other')] }),
  same_kid_other_key: ({ keys }) => ({ keys: [rsaJwk(2048, keys[0].kid)] }),
  no_kid: (set) => ({ keys: signing(set).slice(0, 1).map(withoutKid) }),
  several_no_kid: (set) => ({
    keys: [rsaJwk(2048), ...signing(set).slice(0, 1)].map(withoutKid),
  }),
  duplicate_kid: (set) => ({ keys: [rsaJwk(2048, set.keys[0].kid), ...signing(set)] }),
  small: ({ keys }) => ({ keys: [rsaJwk(1024, keys[0].kid)] }),
  exponent_one: ({ keys }) => ({ keys: [{ ...keys[0], e: 'AQ' }] }),
  enc_use: ({ keys }) => ({ keys: keys.map((key) => ({ ...key, use: 'enc' })) }),
  symmetric: ({ keys }) => ({
    keys: [{ kty: 'oct', kid: keys[0].kid, k: randomBytes(32).toString('base64url') }],
  }),
  // Harmless ones: a client must cope.
  no_alg: ({ keys }) => ({ keys: keys.map(({ alg, ...rest }) => rest) }),
  unknown_kty: ({ keys }) => ({ keys: [{ kty: 'XYZ', kid: 'new', use: 'sig' }, ...keys] }),
  many: ({ keys }) => ({
    keys: [...Array.from({ length: 50 }, (_, i) => ({ ...keys[0], kid: `old-${i}` })), ...keys],
  }),
};

export const KEY_FAULT_NAMES = Object.keys(KEY_FAULTS);
export const isKeyFault = (how) => how in KEY_FAULTS;

// A fault may instead carry the whole document to serve, in `set`.
export const spoilJwks = (jwks, { how, set }) => set ?? KEY_FAULTS[how](jwks);
