#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Verifies a login statement with the npm package jose:
//   verify-statement.mjs JWKS AUDIENCE NONCE < statement
// With the authorities of the cards (PEM), the second line of the input is the card's
// counter-signature and is verified too:
//   cpsctl statement --counter-sign … | verify-statement.mjs JWKS AUDIENCE NONCE AUTHORITIES
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'

const [jwks, audience, nonce, authorities] = process.argv.slice(2)
const keys = createLocalJWKSet(JSON.parse(readFileSync(jwks, 'utf8')))
const [statement, counterSignature = ''] = readFileSync(0, 'utf8').trim().split(/\s+/)
const sha256 = (data) => createHash('sha256').update(data).digest('base64url')

const { payload } = await jwtVerify(statement, keys, {
  algorithms: ['ES256'],
  typ: 'cps-login+jwt',
  audience,
  clockTolerance: 5,
  requiredClaims: ['iss', 'sub', 'nonce', 'jti', 'iat', 'exp', 'auth_time', 'amr'],
})
if (payload.nonce !== nonce) throw new Error('not the nonce that was asked for')

function today(certificate) {
  const now = Date.now()
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo)
}

// From the card's certificate up to an authority that signed itself, all of them in the file.
function checkChain(certificate, known) {
  let at = certificate
  for (let depth = 0; depth < 5; depth += 1) {
    if (!today(at)) throw new Error('expired, or not valid yet')
    const issuer = known.find((one) => one.ca && at.checkIssued(one) && at.verify(one.publicKey))
    if (!issuer) throw new Error('not of these authorities')
    if (issuer.fingerprint256 === at.fingerprint256) return
    at = issuer
  }
  throw new Error('chain too long')
}

async function verifyCounterSignature() {
  const { x5c } = decodeProtectedHeader(counterSignature)
  const certificate = new X509Certificate(Buffer.from(x5c[0], 'base64'))
  const pem = readFileSync(authorities, 'utf8').match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g)
  checkChain(certificate, pem.map((one) => new X509Certificate(one)))
  const { payload: signed } = await jwtVerify(counterSignature, certificate.publicKey, {
    algorithms: ['RS256'],
    typ: 'cps-counter-signature+jwt',
    audience,
    clockTolerance: 5,
    requiredClaims: ['statement_hash', 'nonce', 'iat', 'exp'],
  })
  if (signed.statement_hash !== sha256(statement)) throw new Error('of another statement')
  if (signed.nonce !== nonce) throw new Error('of another nonce')
  if (payload.card?.['x5t#S256'] !== sha256(certificate.raw)) throw new Error('by another card')
  return certificate.subject.split(/\s*[\n+]\s*/).find((part) => part.startsWith('CN='))?.slice(3)
}

if (authorities) payload.counter_signed_by = await verifyCounterSignature()
console.log(JSON.stringify(payload, null, 2))
