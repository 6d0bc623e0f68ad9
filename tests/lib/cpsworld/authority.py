# SPDX-License-Identifier: Apache-2.0
"""The test authority at work: revocation lists of any kind, and an OCSP responder."""

import datetime
import pathlib
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

CRL_PATH = "/CRL/ACI-FO-PP.crl"
CRL_URL = "http://igc-sante.test.invalid" + CRL_PATH
OCSP_PATH = "/"
DELTA_INDICATOR = ObjectIdentifier("2.5.29.27")
UNKNOWN_EXTENSION = ObjectIdentifier("2.999.5")


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def seconds(number):
    return datetime.timedelta(seconds=number)


class Authority:
    """AC PERSONNES of the test IGC; cards: a CardSet."""

    def __init__(self, cards):
        self.cards = cards
        self.key_file = cards.igc / "private" / "persons.key"
        self.certificate_file = cards.igc / "persons.pem"
        self.key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        self.certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def serial(self, card):
        """Of the card's authentication certificate."""
        return x509.load_der_x509_certificate(
            self.cards.certificate(card).read_bytes()).serial_number

    def crl(self, *revoked, number=1, age=60, lifetime=86400, reason=None, key=None, name=None,
            extensions=(), entry=None, digest=None, more=0):
        """A list, DER. revoked: cards; age, lifetime: seconds since it was issued, and from then to
        the next one; more: entries of nobody's."""
        issued = now() - seconds(age)
        subject = self.certificate.subject if name is None else x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (x509.CertificateRevocationListBuilder().issuer_name(subject)
                   .last_update(issued).next_update(issued + seconds(lifetime)))
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        serials = [self.serial(card) for card in revoked] + [(1 << 64) + n for n in range(more)]
        for serial in serials:
            one = (x509.RevokedCertificateBuilder().serial_number(serial)
                   .revocation_date(issued - seconds(3600)))
            if reason is not None:
                one = one.add_extension(x509.CRLReason(reason), False)
            if entry is not None:
                one = one.add_extension(*entry)
            builder = builder.add_revoked_certificate(one.build())
        made = builder.sign(key or self.key, digest or hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)

    def large_crl(self, entries):
        """A list of that many entries: openssl makes it faster than Python."""
        with tempfile.TemporaryDirectory() as directory:
            work = pathlib.Path(directory)
            (work / "index").write_text("".join(
                f"R\t360101000000Z\t260101000000Z\t{(1 << 64) + n:018X}\tunknown\t/CN={n}\n"
                for n in range(entries)))
            (work / "number").write_text("05\n")
            (work / "conf").write_text(
                "[ca]\ndefault_ca = a\n[a]\ndatabase = index\ncrlnumber = number\n"
                "default_md = sha256\ndefault_crl_days = 7\n")
            subprocess.run(["openssl", "ca", "-config", "conf", "-gencrl", "-keyfile",
                            self.key_file, "-cert", self.certificate_file, "-out", "crl.pem"],
                           cwd=work, check=True, capture_output=True)
            done = subprocess.run(["openssl", "crl", "-in", "crl.pem", "-outform", "DER"], cwd=work,
                                  check=True, capture_output=True)
            return done.stdout

    def ocsp(self, *revoked, known=("responder", "nurse"), signer=None, options=()):
        """A responder, openssl's: a function for Web.put(). known: cards that it knows; signer:
        certificate and key files other than the authority's own."""
        certificate, key = signer or (self.certificate_file, self.key_file)

        def respond(question):
            with tempfile.TemporaryDirectory() as directory:
                work = pathlib.Path(directory)
                (work / "index").write_text("".join(
                    self._index_line(card, card in revoked) for card in {*known, *revoked}))
                (work / "index.attr").write_text("unique_subject = no\n")
                (work / "question").write_bytes(question)
                subprocess.run(
                    ["openssl", "ocsp", "-index", "index", "-CA", self.certificate_file, "-rsigner",
                     certificate, "-rkey", key, "-reqin", "question", "-respout", "answer",
                     "-ndays", "1", *options], cwd=work, check=True, capture_output=True)
                return (work / "answer").read_bytes()

        return respond

    def _index_line(self, card, revoked):
        state = "R\t360101000000Z\t260101000000Z,keyCompromise" if revoked else \
            "V\t360101000000Z\t"
        return f"{state}\t{self.serial(card):X}\tunknown\t/CN={card}\n"

    def responder(self, directory, ocsp_signing=True, issuer_key=None):
        """Certificate and key files of a responder that the authority has certified."""
        directory = pathlib.Path(tempfile.mkdtemp(dir=directory))
        key = rsa.generate_private_key(65537, 2048)
        usage = x509.oid.ExtendedKeyUsageOID
        certificate = (
            x509.CertificateBuilder().issuer_name(self.certificate.subject)
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "OCSP TEST")]))
            .serial_number(77).public_key(key.public_key())
            .not_valid_before(now() - seconds(3600)).not_valid_after(now() + seconds(3600))
            .add_extension(x509.ExtendedKeyUsage(
                [usage.OCSP_SIGNING if ocsp_signing else usage.CLIENT_AUTH]), False)
            .sign(issuer_key or self.key, hashes.SHA256()))
        files = directory / "responder.pem", directory / "responder.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                               serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return files


def forged_key():
    return rsa.generate_private_key(65537, 2048)
