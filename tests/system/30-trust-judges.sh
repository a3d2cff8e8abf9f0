#!/bin/sh
# What trust/ writes, shown to stock programs: gpgv, gpg, sqv, rpmkeys, openssl, ssh-keygen. Every
# acceptance has its refusal beside it. A program that is missing is a loud skip, and a failure when
# REQUIRE names it or is "all".
# usage: KILN_BUILD=build/release tests/system/30-trust-judges.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${KILN_BUILD:-$here/../../build/release}
unit=$build/tests/unit-trust
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0
skipped=0

pass() { passed=$((passed + 1)); }
fail() {
	failed=$((failed + 1))
	echo "FAILED: $1"
	sed 's/^/    /' "$dir/out"
}
accepts() { # accepts WHAT COMMAND...
	what=$1
	shift
	if "$@" >"$dir/out" 2>&1; then pass; else fail "$what was refused"; fi
}
refuses() { # refuses WHAT REASON COMMAND...: fails, and the output matches the reason
	what=$1 reason=$2
	shift 2
	if "$@" >"$dir/out" 2>&1; then
		fail "$what was accepted"
	elif grep -qiE "$reason" "$dir/out"; then
		pass
	else
		fail "$what was refused for another reason than '$reason'"
	fi
}
have() { # have PROGRAM
	if command -v "$1" >/dev/null; then
		return 0
	fi
	case " ${REQUIRE:-} " in
	*" $1 "* | *" all "*)
		: >"$dir/out"
		fail "$1 is required and not installed"
		;;
	*)
		skipped=$((skipped + 1))
		echo "SKIPPED: $1 is not installed: its verdict on our signatures is unknown"
		;;
	esac
	return 1
}
is() { [ "$1" = "$2" ]; }

make --no-print-directory -s -C "$here/../.." MODE="$(basename "$build")" "build/$(basename "$build")/tests/unit-trust" >"$dir/out" 2>&1
# The making of the keys is killed again and again; what is left is finished by the next run.
for seconds in 0.05 0.2 0.5 1; do
	timeout -s KILL "$seconds" "$unit" --write-judges "$dir" >"$dir/out" 2>&1
done
if ! "$unit" --write-judges "$dir" >"$dir/out" 2>&1; then
	fail "unit-trust --write-judges"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
cd "$dir" || exit 2
sed 's/repository/Repository/' data >changed
cat data.sig data.sig >twice.sig

if have gpgv; then
	accepts "gpgv: binary signature" gpgv --keyring ./metadata.pgp data.sig data
	accepts "gpgv: armored signature" gpgv --keyring ./metadata.pgp data.asc data
	refuses "gpgv: changed data" "BAD signature" gpgv --keyring ./metadata.pgp data.asc changed
	refuses "gpgv: expired signature" "expired" gpgv --keyring ./metadata.pgp expired.asc data
fi
if have gpg; then
	mkdir -m 700 gnupg
	accepts "gpg: packages.asc" gpg --homedir gnupg --batch --import keys/packages.asc
	gpg --homedir gnupg --batch --with-colons --check-sigs >listing 2>"$dir/out"
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
	accepts "rpmkeys: packages.asc" rpmkeys --dbpath "$dir/rpmdb" --import keys/packages.asc
fi
if have openssl; then
	accepts "openssl: signature over the PAE" openssl dgst -sha256 -verify keys/builder.pub -signature pae.der pae
	printf x >>pae
	refuses "openssl: changed PAE" "Verification failure" openssl dgst -sha256 -verify keys/builder.pub -signature pae.der pae
	accepts "openssl: builder.key is PKCS#8" grep -q -- '-----BEGIN PRIVATE KEY-----' keys/builder.key
	accepts "openssl: packages.key has 4096 bits" sh -c 'openssl pkey -in keys/packages.key -noout -text | grep -q "4096 bit"'
fi
if have ssh-keygen; then
	ssh-keygen -i -m PKCS8 -f keys/builder.pub >builder.ssh 2>"$dir/out"
	accepts "ssh-keygen: the key id is its fingerprint" is "$(ssh-keygen -lf builder.ssh | cut -d' ' -f2)" "$(cat keyid)"
fi
if have python3; then
	accepts "python3: the bundle is one JSON value" python3 -c 'import base64, json, sys
b = json.load(open("bundle.json")); e = b["dsseEnvelope"]
assert b["verificationMaterial"]["publicKey"]["hint"] == e["signatures"][0]["keyid"] == open("keyid").read()
assert base64.b64decode(e["signatures"][0]["sig"], validate=True) == open("pae.der", "rb").read()
assert json.loads(base64.b64decode(e["payload"], validate=True))["_type"] == "https://in-toto.io/Statement/v1"'
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
