#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signs statements for tests, with the openssl program and no code of ours.

usage: sign.py KEY STATEMENT > BUNDLE                 KEY: a P-256 private key in PEM
       sign.py KEY rebuild RPM VERDICT > BUNDLE       VERDICT: PASSED, FAILED or WARNED
       sign.py KEY again BUNDLE SCRIPT > BUNDLE       the statement of BUNDLE as `s`, changed by SCRIPT
"""
import base64, hashlib, json, subprocess, sys, tempfile

TYPE = "application/vnd.in-toto+json"


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, check=True).stdout


def text(b):
    return len(b).to_bytes(4, "big") + b


def fingerprint(key):
    spki = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    wire = text(b"ecdsa-sha2-nistp256") + text(b"nistp256") + text(spki[-65:])
    return "SHA256:" + base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip("=")


def bundle(key, payload):
    pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)
    with tempfile.NamedTemporaryFile() as f:
        f.write(pae)
        f.flush()
        sig = openssl("dgst", "-sha256", "-sign", key, f.name)
    name = fingerprint(key)
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": name}},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": TYPE,
            "signatures": [{"keyid": name, "sig": base64.b64encode(sig).decode()}],
        },
    }


def rebuild(rpm, verdict):
    with open(rpm, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    tests = {"PASSED": "passedTests", "FAILED": "failedTests", "WARNED": "warnedTests"}[verdict]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": rpm.rsplit("/", 1)[-1], "digest": {"sha256": digest}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"result": verdict, "configuration": [], tests: ["rebuild"]},
    }


def main():
    key, what = sys.argv[1], sys.argv[2]
    if what == "rebuild":
        payload = json.dumps(rebuild(sys.argv[3], sys.argv[4])).encode()
    elif what == "again":
        with open(sys.argv[3]) as f:
            payload = base64.b64decode(json.load(f)["dsseEnvelope"]["payload"])
        names = {"s": json.loads(payload), "json": json}
        exec(sys.argv[4], names)
        payload = names["p"].encode() if "p" in names else json.dumps(names["s"]).encode()
    else:
        with open(what, "rb") as f:
            payload = f.read()
    json.dump(bundle(key, payload), sys.stdout)


main()
