// SPDX-License-Identifier: Apache-2.0
// A DER writer just large enough to issue X.509 v3 certificates with node:crypto.
import { createHash, createPublicKey, randomBytes, sign } from 'node:crypto';

const ATTRIBUTE_OIDS = {
  C: '2.5.4.6', O: '2.5.4.10', OU: '2.5.4.11', L: '2.5.4.7', CN: '2.5.4.3', SN: '2.5.4.4',
  GN: '2.5.4.42', title: '2.5.4.12',
};
const USAGE_OIDS = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' };

function tlv(tag, ...parts) {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const size = Buffer.from(body.length.toString(16).replace(/^(..)*.$/, '0$&'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length]), size, body]);
}

const sequence = (...parts) => tlv(0x30, ...parts);
const setOf = (...parts) => tlv(0x31, ...parts.sort(Buffer.compare));
const octets = (bytes) => tlv(0x04, bytes);
const bitString = (bytes, unused = 0) => tlv(0x03, Buffer.from([unused]), bytes);
const utf8 = (text) => tlv(0x0c, Buffer.from(text));
const printable = (text) => tlv(0x13, Buffer.from(text));
const bool = (value) => tlv(0x01, Buffer.from([value ? 0xff : 0]));

function integer(bytes) {
  return tlv(0x02, bytes[0] & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

function oid(dotted) {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function time(date) {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return tlv(0x17, Buffer.from(`${digits.slice(2)}Z`)); // UTCTime: dates before 2050 only
}

// A name is a list of RDNs, most general first; an RDN is [type, value] or a list of those.
function name(rdns) {
  const attribute = ([type, value]) => sequence(
    oid(ATTRIBUTE_OIDS[type]),
    type === 'C' ? printable(value) : utf8(value),
  );
  return sequence(...rdns.map((rdn) => (
    setOf(...(Array.isArray(rdn[0]) ? rdn : [rdn]).map(attribute))
  )));
}

function subjectAltName(names) {
  return sequence(...names.map((value) => {
    if (value === '::1') return tlv(0x87, Buffer.from([...Array(15).fill(0), 1]));
    if (/^[0-9.]+$/.test(value)) return tlv(0x87, Buffer.from(value.split('.').map(Number)));
    return tlv(0x82, Buffer.from(value));
  }));
}

const spkiOf = (key) => createPublicKey(key).export({ type: 'spki', format: 'der' });
const keyIdOf = (key) => createHash('sha1').update(spkiOf(key)).digest();

function extensions({ ca, usage, san, key, issuerKey }) {
  const extension = (id, critical, value) => sequence(
    oid(id), ...(critical ? [bool(true)] : []), octets(value),
  );
  const list = [
    extension('2.5.29.19', true, sequence(...(ca ? [bool(true)] : []))),
    extension('2.5.29.15', true, ca
      ? bitString(Buffer.from([0x06]), 1) // keyCertSign, cRLSign
      : bitString(Buffer.from([0x80]), 7)), // digitalSignature
    extension('2.5.29.14', false, octets(keyIdOf(key))),
    extension('2.5.29.35', false, sequence(tlv(0x80, keyIdOf(issuerKey)))),
  ];
  if (usage) list.push(extension('2.5.29.37', false, sequence(oid(USAGE_OIDS[usage]))));
  if (san) list.push(extension('2.5.29.17', false, subjectAltName(san)));
  return tlv(0xa3, sequence(...list));
}

function signatureAlgorithm(key) {
  return key.asymmetricKeyType === 'ec'
    ? sequence(oid('1.2.840.10045.4.3.2'))
    : sequence(oid('1.2.840.113549.1.1.11'), tlv(0x05));
}

// key and issuerKey are private KeyObjects; the same one twice makes a self-signed certificate.
// Returns PEM.
export function issueCertificate({
  subject, issuer, key, issuerKey, notBefore, notAfter, ca = false, usage, san,
}) {
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x3f) | 0x40;
  const algorithm = signatureAlgorithm(issuerKey);
  const tbs = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    name(issuer),
    sequence(time(notBefore), time(notAfter)),
    name(subject),
    spkiOf(key),
    extensions({ ca, usage, san, key, issuerKey }),
  );
  const der = sequence(tbs, algorithm, bitString(sign('sha256', tbs, issuerKey)));
  const lines = der.toString('base64').match(/.{1,64}/g).join('\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
