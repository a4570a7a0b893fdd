"""`python -m salonos.authority NAME…` makes a private authority, once, and a certificate for this machine's names.

The authority can speak for private networks and the names that it was made with, and for nothing else: a tablet that
trusts it does not trust it for the internet. Its key never leaves the folder of keys.
"""

import ipaddress
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from salonos import network
from salonos.kernel import clock
from salonos.settings import STATE_EXIT, USAGE_EXIT
from salonos.terminal import fail, settings_home

AUTHORITY_TIME = timedelta(days=3650)
CERTIFICATE_TIME = timedelta(days=397)
"""Tablets take no certificate of a longer life."""
_PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "fc00::/7", "fe80::/10", "::1/128")  # fmt: skip
_PRIVATE_NAMES = ("local", "localhost", "lan", "internal", "home.arpa")


def make(home: Path, names: Sequence[str]) -> network.Certificate:
    """A new certificate for the names, by the folder's authority, which is made where there is none.

    Raises: ValueError for a name that the authority may not speak for; OSError.
    """
    found = network.Certificate.of(home)
    folder = found.certificate.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority_key = folder / "authority.key"
    authority_file = folder / "authority.crt"
    if not authority_key.exists() or not authority_file.exists():
        _make_authority(authority_key, authority_file, names)
    signer = serialization.load_pem_private_key(authority_key.read_bytes(), password=None)
    authority = x509.load_pem_x509_certificate(authority_file.read_bytes())
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{authority_key} is not a key that SalonOS made.")  # noqa: TRY004  about a file
    refuse_beyond(authority, names)
    key = ec.generate_private_key(ec.SECP256R1())
    made = _builder(_name("SalonOS"), key, authority.subject, CERTIFICATE_TIME)
    made = made.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    certificate = made.sign(signer, hashes.SHA256())
    _write(found.key, _text(key))
    _write(found.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    _write(found.names_file, "\n".join(names).encode())
    return found


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate as tablets show it."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256())
    return found.hex(":").upper()


def refuse_beyond(authority: x509.Certificate, names: Sequence[str]) -> None:
    """Refuses names that the authority may not speak for.

    Raises: ValueError.
    """
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    networks = [each.value for each in permitted if isinstance(each, x509.IPAddress)]
    domains = [each.value for each in permitted if isinstance(each, x509.DNSName)]
    for name in names:
        kind = _alternative(name)
        if isinstance(kind, x509.IPAddress):
            fits = any(
                kind.value in each
                for each in networks
                if isinstance(each, ipaddress.IPv4Network | ipaddress.IPv6Network)
            )
        else:
            fits = any(name == each or name.endswith(f".{each}") for each in domains)
        if not fits:
            raise ValueError(
                f"The authority of this folder may not speak for {name}. Move it away to make another one."
            )


def _make_authority(key_file: Path, file: Path, names: Sequence[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("SalonOS private authority")
    subtrees: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_network(each)) for each in _PRIVATE_NETWORKS]
    subtrees += [x509.DNSName(each) for each in _PRIVATE_NAMES]
    for name in names:
        kind = _alternative(name)
        subtrees.append(x509.IPAddress(ipaddress.ip_network(name)) if isinstance(kind, x509.IPAddress) else kind)
    made = _builder(subject, key, subject, AUTHORITY_TIME)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(_signs_certificates(), critical=True)
    made = made.add_extension(x509.NameConstraints(subtrees, None), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    _write(key_file, _text(key))
    _write(file, made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, time: timedelta
) -> x509.CertificateBuilder:
    now = clock.utc_now()
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + time)  # clocks of tablets differ


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """For this user alone, whole or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600, exist_ok=False)
    fresh.write_bytes(content)
    fresh.replace(path)


def main(words: Sequence[str]) -> None:
    """Makes them, and says what to compare on a tablet."""
    home = settings_home()
    names = tuple(dict.fromkeys((*network.own_names(), *(word.lower() for word in words))))
    for name in names:
        if not network.is_name(name):
            raise fail(f"{name} is neither an address nor a host's name.", USAGE_EXIT)
    try:
        made = make(home, names)
    except OSError as error:
        raise fail(f"The folder {home} can't be used: {error.strerror}.", STATE_EXIT) from None
    except ValueError as error:
        raise fail(str(error), USAGE_EXIT) from None
    if made.authority is not None:
        sys.stdout.write(
            f"The certificate is for {', '.join(names)}.\n"
            f"Install {made.authority} on each tablet. Its fingerprint (SHA-256) is\n{fingerprint(made.authority)}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
