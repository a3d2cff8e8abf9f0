#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What must be found nowhere: every form of the private keys of a set, one "NAME HEX" per line, for secrets.c.

usage: needles.py KEYS [PASSPHRASE-FILE] > NEEDLES
"""
import base64, os, re, subprocess, sys


def numbers(key, passin):
    """The secret numbers of a key, as openssl prints them."""
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"] + passin, stdout=subprocess.PIPE, check=True).stdout.decode()
    out = {}
    for name, hexes in re.findall(r"^([A-Za-z0-9]+):\s*\n((?:\s+[0-9a-f:]+\n)+)", text, re.M):
        if name in ("priv", "privateExponent", "prime1", "prime2", "exponent1", "exponent2", "coefficient"):
            out[name] = bytes.fromhex(re.sub(r"[\s:]", "", hexes)).lstrip(b"\0")
    return out


def forms(name, secret):
    yield name + ".be", secret
    yield name + ".le", secret[::-1]  # how numbers lie in memory
    yield name + ".hex", secret.hex().encode()
    yield name + ".HEX", secret.hex().upper().encode()
    for shift in range(3):  # base64 of it, wherever in a text it begins: without the ends, which depend on neighbours
        text = base64.b64encode(b"\0" * shift + secret)
        yield "%s.b64.%d" % (name, shift), text[4 if shift else 0 : len(text) - 4][:64]


def has_secret(part, secrets):
    """Does a line of a PEM file carry enough of a secret to tell it from a line that is public?"""
    return any(part[k : k + 12] in v for v in secrets for k in range(0, len(part) - 11))


def main():
    keys = sys.argv[1]
    passin = ["-passin", "file:" + sys.argv[2]] if len(sys.argv) > 2 else []
    found = {}
    for file in sorted(os.listdir(keys)):
        path = os.path.join(keys, file)
        if not file.endswith(".key"):
            continue
        role = file[:-4]
        secret = numbers(path, passin)
        assert secret, path
        for name, value in secret.items():
            found.update(forms("%s.%s" % (role, name), value))
        with open(path) as f:
            lines = [l.strip() for l in f if not l.startswith("-")]
        if passin:  # as it lies on the disk, without its head, which many keys share
            for i, line in enumerate(lines[2:-1]):
                found["%s.locked.%d" % (role, i)] = line.encode()
        for how, words in (("pkcs8", ["pkcs8", "-topk8", "-nocrypt"]), ("traditional", ["pkey"])):
            der = subprocess.run(["openssl", *words, "-in", path, "-outform", "DER"] + passin, stdout=subprocess.PIPE, check=True).stdout
            found["%s.%s.der" % (role, how)] = der
            plain = base64.b64encode(der)
            for i in range(0, len(plain), 64):
                part = base64.b64decode(plain[i : i + 64])
                if has_secret(part, secret.values()):
                    found["%s.%s.pem.%d" % (role, how, i // 64)] = plain[i : i + 64]
    if passin:
        with open(sys.argv[2], "rb") as f:
            found["passphrase"] = f.readline().rstrip(b"\n")
    for name, value in found.items():
        print(name, value.hex())


main()
