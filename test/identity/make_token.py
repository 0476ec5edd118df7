"""Tokens by Python's standard library and the openssl command: claims as JSON on stdin, a token a line on stdout.

make_token.py KEY.pem ALG KID
"""

import base64
import json
import subprocess
import sys
import tempfile

DIGESTS = {"RS256": "sha256", "RS512": "sha512", "PS256": "sha256", "ES256": "sha256", "ES384": "sha384"}
SIZES = {"ES256": 32, "ES384": 48}


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def integer(der: bytes, at: int) -> tuple[int, int]:
    assert der[at] == 0x02
    end = at + 2 + der[at + 1]
    return int.from_bytes(der[at + 2 : end], "big"), end


def joined(der: bytes, size: int) -> bytes:
    """r and s of an ECDSA signature in DER, side by side (RFC 7518 3.4)."""
    at = 2 if der[1] < 0x80 else 3
    r, at = integer(der, at)
    s, _ = integer(der, at)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signature(key: str, alg: str, data: bytes) -> bytes:
    if alg == "EdDSA":
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            command = ["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", file.name]
            return subprocess.run(command, capture_output=True, check=True).stdout
    command = ["openssl", "dgst", f"-{DIGESTS[alg]}", "-sign", key]
    if alg.startswith("PS"):
        command += ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
    signed = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    return joined(signed, SIZES[alg]) if alg in SIZES else signed


key, alg, kid = sys.argv[1:]
for line in sys.stdin:
    header = {"alg": alg, "kid": kid, "typ": "JWT"}
    claims = json.loads(line)
    signed = ".".join(part(json.dumps(one).encode("utf-8")) for one in (header, claims))
    print(f"{signed}.{part(signature(key, alg, signed.encode('ascii')))}")
