#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies a login statement with PyJWT (Debian: python3-jwt, python3-cryptography).

  verify_statement.py JWKS AUDIENCE NONCE < statement
"""
import json
import sys

import jwt


def verify(statement, jwks, audience, nonce):
    """The claims, or an exception that says what is wrong."""
    header = jwt.get_unverified_header(statement)
    if header.get("typ") != "cps-login+jwt":
        raise jwt.InvalidTokenError("not a login statement")
    keys = [key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id == header.get("kid")]
    if len(keys) != 1:
        raise jwt.InvalidTokenError("unknown key")
    claims = jwt.decode(statement, keys[0].key, algorithms=["ES256"], audience=audience, leeway=5,
                        options={"require": ["iss", "sub", "aud", "nonce", "jti", "iat", "exp",
                                             "auth_time", "amr"]})
    if claims["nonce"] != nonce:
        raise jwt.InvalidTokenError("not the nonce that was asked for")
    return claims


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        keys = json.load(file)
    print(json.dumps(verify(sys.stdin.read().strip(), keys, *sys.argv[2:4]), indent=2))
