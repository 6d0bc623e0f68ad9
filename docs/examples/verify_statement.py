#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies a login statement with PyJWT (Debian: python3-jwt, python3-cryptography).

  verify_statement.py JWKS AUDIENCE NONCE < statement

With the authorities of the cards (PEM), the second line of the input is the card's counter-signature
and is verified too (Debian: python3-openssl):

  cpsctl statement --counter-sign … | verify_statement.py JWKS AUDIENCE NONCE AUTHORITIES
"""
import base64
import hashlib
import json
import sys

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID


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


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def check_chain(certificate, pem):
    """The chain leads to one of the authorities, all of them in the file, and is valid today."""
    from OpenSSL import crypto  # pylint: disable=import-outside-toplevel
    store = crypto.X509Store()
    end = "-----END CERTIFICATE-----"
    for part in pem.split(end)[:-1]:
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, part + end))
    ours = crypto.X509.from_cryptography(certificate)
    crypto.X509StoreContext(store, ours).verify_certificate()


def verify_counter_signature(counter_signature, statement, claims, authorities):
    """The certificate of the card, or an exception. claims: of the statement, once verified;
    authorities: PEM text."""
    header = jwt.get_unverified_header(counter_signature)
    if header.get("typ") != "cps-counter-signature+jwt":
        raise jwt.InvalidTokenError("not a counter-signature")
    certificate = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    check_chain(certificate, authorities)
    signed = jwt.decode(counter_signature, certificate.public_key(), algorithms=["RS256"],
                        audience=claims["aud"], leeway=5,
                        options={"require": ["statement_hash", "aud", "nonce", "iat", "exp"]})
    if signed["statement_hash"] != base64url(hashlib.sha256(statement.encode()).digest()):
        raise jwt.InvalidTokenError("of another statement")
    if signed["nonce"] != claims["nonce"]:
        raise jwt.InvalidTokenError("of another nonce")
    if claims.get("card", {}).get("x5t#S256") != base64url(certificate.fingerprint(SHA256())):
        raise jwt.InvalidTokenError("by another card")
    return certificate


def main(jwks, audience, nonce, authorities=None):
    with open(jwks, encoding="utf-8") as file:
        keys = json.load(file)
    statement, *more = sys.stdin.read().split()
    claims = verify(statement, keys, audience, nonce)
    if authorities is not None:
        with open(authorities, encoding="utf-8") as file:
            certificate = verify_counter_signature(more[0], statement, claims, file.read())
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        claims["counter_signed_by"] = name.value
    print(json.dumps(claims, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:5])
