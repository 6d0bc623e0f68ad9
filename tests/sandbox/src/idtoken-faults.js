// SPDX-License-Identifier: Apache-2.0
// Every way an ID token can be wrong. Claim faults are signed with the real key, so that the
// claim check itself is what refuses them.
import {
  constants, createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign,
} from 'node:crypto';
import { base64url, encodeJson } from './keys.js';

const HOUR = 3600;
const FOREIGN = 'https://issuer.example.test/auth/realms/other';

let rogue; // made on first use: a key that is never in our JWKS
const rogueKey = () => (rogue ??= generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);

const set = (values) => ({ claims }) => { Object.assign(claims, values(claims)); };
const unset = (...names) => ({ claims }) => { names.forEach((name) => { delete claims[name]; }); };

const CLAIM_FAULTS = {
  wrong_nonce: set(() => ({ nonce: base64url(randomBytes(16)) })),
  no_nonce: unset('nonce'),
  wrong_iss: set(() => ({ iss: FOREIGN })),
  no_iss: unset('iss'),
  wrong_aud: set(() => ({ aud: 'another-client' })),
  no_aud: unset('aud'),
  multi_aud: set(({ aud }) => ({ aud: [aud, 'another-client'], azp: undefined })),
  wrong_azp: set(() => ({ azp: 'another-client' })),
  expired: set(({ iat }) => ({ iat: iat - 2 * HOUR, exp: iat - HOUR, auth_time: iat - 2 * HOUR })),
  no_exp: unset('exp'),
  exp_string: set(({ exp }) => ({ exp: String(exp) })),
  iat_future: set(({ iat }) => ({ iat: iat + HOUR, exp: iat + 2 * HOUR })),
  no_iat: unset('iat'),
  nbf_future: set(({ iat }) => ({ nbf: iat + HOUR })),
  no_sub: unset('sub'),
  wrong_sub: set(() => ({ sub: 'f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd:899700099999' })),
  wrong_name_id: set(() => ({ SubjectNameID: '899700099999' })),
  no_name_id: unset('SubjectNameID', 'preferred_username'),
  wrong_at_hash: set(() => ({ at_hash: base64url(randomBytes(16)) })),
  wrong_acr: set(() => ({ acr: 'eidas0' })),
  no_acr: unset('acr'),
  wrong_auth_req: set(() => ({ 'urn:openid:params:jwt:claim:auth_req_id': 'another-request' })),
  typ_at: set(() => ({ typ: 'Bearer' })),
  no_typ: unset('typ'),
  old_auth_time: set(({ iat }) => ({ auth_time: iat - 5 * HOUR })),
  auth_time_future: set(({ iat }) => ({ auth_time: iat + HOUR })),
};

// Unusual but correct: a client must accept these.
const HARMLESS = {
  aud_array: set(({ aud }) => ({ aud: [aud] })),
  multi_aud_azp: set(({ aud }) => ({ aud: [aud, 'another-client'] })),
  no_at_hash: unset('at_hash'),
  zero_auth_time: set(() => ({ auth_time: 0 })),
  unknown_auth_mode: set(() => ({ authMode: 'IDENTITY_BROKER' })),
  unknown_claim: set(() => ({ 'https://claims.example.test/new': { nested: [1, null] } })),
};

const inputOf = ({ header, claims }) => `${encodeJson(header)}.${encodeJson(claims)}`;

function signed(draft, key, options = {}) {
  const { digest = 'sha256', text = inputOf(draft), ...more } = options;
  return `${text}.${base64url(sign(digest, Buffer.from(text), { key, ...more }))}`;
}

function flipLastSignatureByte(token) {
  const [header, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[bytes.length - 1] ^= 1;
  return `${header}.${payload}.${base64url(bytes)}`;
}

const withAlg = (draft, alg) => ({ ...draft, header: { ...draft.header, alg } });

const SIGNATURE_FAULTS = {
  alg_none: (draft) => `${inputOf(withAlg(draft, 'none'))}.`,
  hs_pub(draft, key) {
    const text = inputOf(withAlg(draft, 'HS256'));
    const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' });
    return `${text}.${base64url(createHmac('sha256', pem).update(text).digest())}`;
  },
  badsig: (draft, key) => flipLastSignatureByte(signed(draft, key)),
  empty_sig: (draft) => `${inputOf(draft)}.`,
  payload_swap(draft, key) {
    const [header, , signature] = signed(draft, key).split('.');
    const payload = encodeJson({ ...draft.claims, SubjectNameID: '899700099999' });
    return `${header}.${payload}.${signature}`;
  },
  no_kid({ header, claims }, key) {
    const { kid, ...rest } = header;
    return signed({ header: rest, claims }, key);
  },
  unknown_kid: (draft, key) => signed({ ...draft, header: { ...draft.header, kid: 'gone' } }, key),
  rogue_key: (draft) => signed(draft, rogueKey()),
  rogue_jwk_header(draft) {
    const jwk = createPublicKey(rogueKey()).export({ format: 'jwk' });
    return signed({ ...draft, header: { ...draft.header, jwk } }, rogueKey());
  },
  rogue_jku_header: (draft) => signed({
    ...draft, header: { ...draft.header, jku: 'https://issuer.example.test/jwks' },
  }, rogueKey()),
  crit: (draft, key) => signed({
    ...draft, header: { ...draft.header, crit: ['policy'], policy: 'must be understood' },
  }, key),
  ps256: (draft, key) => signed(withAlg(draft, 'PS256'), key, {
    padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32,
  }),
  rs512: (draft, key) => signed(withAlg(draft, 'RS512'), key, { digest: 'sha512' }),
  alg_case: (draft, key) => signed(withAlg(draft, 'rs256'), key),
};

const SHAPE_FAULTS = {
  missing: () => undefined,
  two_parts: (draft) => inputOf(draft),
  extra_part: (draft, key) => `${signed(draft, key)}.e30`,
  padded(draft, key) {
    const claims = Buffer.from(JSON.stringify({ ...draft.claims, pad: 'x' }).padEnd(1024, ' '));
    return signed(draft, key, { text: `${encodeJson(draft.header)}.${claims.toString('base64')}` });
  },
  dup_member(draft, key) {
    const json = JSON.stringify(draft.claims).replace('{', '{"SubjectNameID":"899700099999",');
    return signed(draft, key, { text: `${encodeJson(draft.header)}.${base64url(json)}` });
  },
  not_json: (draft, key) => signed(draft, key, {
    text: `${encodeJson(draft.header)}.${base64url('{"iss":')}`,
  }),
  payload_array: (draft, key) => signed(draft, key, {
    text: `${encodeJson(draft.header)}.${base64url('[]')}`,
  }),
  bad_utf8(draft, key) {
    const json = Buffer.from(JSON.stringify({ ...draft.claims, given_name: '??' }));
    json[json.indexOf('??')] = 0xff;
    return signed(draft, key, { text: `${encodeJson(draft.header)}.${base64url(json)}` });
  },
  huge: (draft, key) => signed({
    ...draft, claims: { ...draft.claims, filler: 'A'.repeat(64 * 1024) },
  }, key),
};

const MUTATIONS = { ...CLAIM_FAULTS, ...HARMLESS };
const REWRITES = { ...SIGNATURE_FAULTS, ...SHAPE_FAULTS };

export const ID_TOKEN_FAULTS = {
  claims: Object.keys(CLAIM_FAULTS),
  signature: Object.keys(SIGNATURE_FAULTS),
  shape: Object.keys(SHAPE_FAULTS),
  harmless: Object.keys(HARMLESS),
};

export const isIdTokenFault = (how) => how in MUTATIONS || how in REWRITES;

// The ID token for these claims, spoiled by each fault in turn. Claim faults add up; the first
// fault of another sort makes the final token. A fault may also carry claims to set itself.
export function forge({ claims, keys, faults }) {
  const draft = { header: { alg: 'RS256', typ: 'JWT', kid: keys.current.kid }, claims };
  for (const { how, set: values } of faults) {
    if (values) Object.assign(draft.claims, values);
    MUTATIONS[how]?.(draft);
  }
  const rewrite = faults.map(({ how }) => REWRITES[how]).find(Boolean);
  return rewrite ? rewrite(draft, keys.current.privateKey)
    : signed(draft, keys.current.privateKey);
}
