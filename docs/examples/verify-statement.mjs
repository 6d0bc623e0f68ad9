#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Verifies a login statement with the npm package jose:
//   verify-statement.mjs JWKS AUDIENCE NONCE < statement
import { readFileSync } from 'node:fs'
import { createLocalJWKSet, jwtVerify } from 'jose'

const [jwks, audience, nonce] = process.argv.slice(2)
const keys = createLocalJWKSet(JSON.parse(readFileSync(jwks, 'utf8')))
const statement = readFileSync(0, 'utf8').trim()

const { payload } = await jwtVerify(statement, keys, {
  algorithms: ['ES256'],
  typ: 'cps-login+jwt',
  audience,
  clockTolerance: 5,
  requiredClaims: ['iss', 'sub', 'nonce', 'jti', 'iat', 'exp', 'auth_time', 'amr'],
})
if (payload.nonce !== nonce) throw new Error('not the nonce that was asked for')
console.log(JSON.stringify(payload, null, 2))
