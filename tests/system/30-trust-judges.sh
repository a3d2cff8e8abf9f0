#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What trust/ writes, shown to stock programs: gpgv, gpg, sqv, rpmkeys, openssl, ssh-keygen. Every acceptance has its
# refusal beside it. What sigstore's own verifier says of our bundles is asked in 33-sigstore-judge.sh.
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
mode=$(basename "$KILN_BUILD")
unit=$KILN_BUILD/tests/unit-trust

accepts() { # accepts WORDS COMMAND...
	what=$1
	shift
	if "$@" >out 2>&1; then pass "accepted: $what"; else fail "accepted: $what" "$(cat out)"; fi
}
refuses() { # refuses WORDS REASON COMMAND...: fails, and the output matches the reason
	what=$1 reason=$2
	shift 2
	if "$@" >out 2>&1; then
		fail "refused: $what" "it was accepted"
	elif grep -qiE "$reason" out; then
		pass "refused: $what"
	else
		fail "refused: $what" "wanted: $reason
got:    $(cat out)"
	fi
}
have() { # have PROGRAM
	command -v "$1" >/dev/null || { skip "$1" "the verdict of $1 on our signatures" && return 1; }
}

make --no-print-directory -s -C "$top" MODE="$mode" "build/$mode/tests/unit-trust" >"$SCRATCH/make" 2>&1 ||
	fail "unit-trust is built" "$(tail -n 20 "$SCRATCH/make")"
cd "$SCRATCH" || exit 2
# The making of the keys is killed again and again; what is left is finished by the next run.
for seconds in 0.05 0.2 0.5 1; do
	timeout -s KILL "$seconds" "$unit" --write-judges "$SCRATCH" >out 2>&1
done
accepts "keys whose making was killed four times" "$unit" --write-judges "$SCRATCH"
[ -f bundle.json ] || finish
sed 's/repository/Repository/' data >changed

if have gpgv; then
	accepts "gpgv: binary signature" gpgv --keyring ./metadata.pgp data.sig data
	accepts "gpgv: armored signature" gpgv --keyring ./metadata.pgp data.asc data
	refuses "gpgv: changed data" "BAD signature" gpgv --keyring ./metadata.pgp data.asc changed
	refuses "gpgv: expired signature" "expired" gpgv --keyring ./metadata.pgp expired.asc data
fi
if have gpg; then
	mkdir -m 700 gnupg
	accepts "gpg: packages.asc" gpg --homedir gnupg --batch --import keys/packages.asc
	gpg --homedir gnupg --batch --with-colons --check-sigs >listing 2>out
	accepts "gpg: the user id and its self-signature" grep -q '^sig:!::1:.*:Kiln Linux packages <packages@kiln.invalid>:13x' listing
	refuses "gpg: a signature by a key it does not have" "No public key" gpg --homedir gnupg --batch --verify data.asc data
	accepts "gpg: metadata.asc" gpg --homedir gnupg --batch --import keys/metadata.asc
	accepts "gpg: detached signature" gpg --homedir gnupg --batch --verify data.asc data
fi
if have sqv; then
	accepts "sqv: armored signature" sqv --keyring keys/metadata.asc data.asc data
	accepts "sqv: binary signature" sqv --keyring metadata.pgp data.sig data
	refuses "sqv: changed data" "manipulated" sqv --keyring keys/metadata.asc data.asc changed
	refuses "sqv: expired signature" "expired" sqv --keyring keys/metadata.asc expired.asc data
	refuses "sqv: the key of another role" "missing key" sqv --keyring keys/packages.asc data.asc data
fi
if have rpmkeys; then
	accepts "rpmkeys: packages.asc" rpmkeys --dbpath "$SCRATCH/rpmdb" --import keys/packages.asc
fi
if have openssl; then
	accepts "openssl: signature over the PAE" openssl dgst -sha256 -verify keys/builder.pub -signature pae.der pae
	printf x >>pae
	refuses "openssl: changed PAE" "Verification failure" openssl dgst -sha256 -verify keys/builder.pub -signature pae.der pae
	accepts "openssl: builder.key is PKCS#8" grep -q -- '-----BEGIN PRIVATE KEY-----' keys/builder.key
	accepts "openssl: packages.key has 4096 bits" sh -c 'openssl pkey -in keys/packages.key -noout -text | grep -q "4096 bit"'
fi
if have ssh-keygen; then
	ssh-keygen -i -m PKCS8 -f keys/builder.pub >builder.ssh 2>out
	assert_eq "ssh-keygen: the key id is its fingerprint" "$(ssh-keygen -lf builder.ssh | cut -d' ' -f2)" "$(cat keyid)"
fi
if have python3; then
	accepts "python3: the bundle is one JSON value" python3 -c 'import base64, json, sys
b = json.load(open("bundle.json")); e = b["dsseEnvelope"]
assert b["verificationMaterial"]["publicKey"]["hint"] == e["signatures"][0]["keyid"] == open("keyid").read()
assert base64.b64decode(e["signatures"][0]["sig"], validate=True) == open("pae.der", "rb").read()
assert json.loads(base64.b64decode(e["payload"], validate=True))["_type"] == "https://in-toto.io/Statement/v1"'
fi
finish
