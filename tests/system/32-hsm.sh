#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A whole publish with every key in a token: the secrets are made in SoftHSM2 and never leave it. Verified by
# kiln, gpgv and rpmkeys; without the token nothing is signed. Works on a copy of a filled store.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
module=/usr/lib/softhsm/libsofthsm2.so
for need in softhsm2-util pkcs11-tool gpgv rpmkeys; do
	if ! command -v "$need" >/dev/null; then
		echo "# skip - keys in a token (needs $need)"
		case " ${REQUIRE:-} " in *" all "*|*" $need "*) fail "$need is required" ;; esac
		done_testing
		exit
	fi
done
store=${KILN_STORE:-$top/.kiln/store}
from=${KILN_KEYS:-$top/.kiln/keys}
cd "$scratch" || exit 2
git -c safe.directory='*' clone -q "$top" ws || fail "clone"
mkdir -p ws/.kiln tokens keys
copy_store "$store" ws/.kiln/store
chmod 700 keys
unset KILN_STORE
export KILN_KEYS=$scratch/keys
SOFTHSM2_CONF=$scratch/softhsm2.conf
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$scratch" >"$SOFTHSM2_CONF"
export SOFTHSM2_CONF
printf '4321\n' >pin
chmod 600 pin
ok "a token" softhsm2-util --init-token --free --label kiln --pin 4321 --so-pin 8765
number=1
for key in builder:EC:prime256v1 image:EC:prime256v1 rebuilder:EC:prime256v1 timestamp:EC:prime256v1 \
	packages:rsa:3072 metadata:EC:edwards25519 log:EC:edwards25519 witness:EC:edwards25519; do
	role=${key%%:*}
	ok "a secret for $role, made inside" pkcs11-tool --module $module --token-label kiln --login --pin 4321 --keypairgen \
		--key-type "${key#*:}" --id "0$number" --label "$role"
	number=$((number + 1))
	printf 'pkcs11:\n  module: %s\n  token: kiln\n  object: %s\n  pin_file: %s/pin\n  environment: {SOFTHSM2_CONF: %s}\n' \
		"$module" "$role" "$scratch" "$SOFTHSM2_CONF" >"keys/$role.key"
	chmod 600 "keys/$role.key"
done
unset SOFTHSM2_CONF
ok "the public halves are read out" "$kiln" -C ws key init
same "no secret lies in the set" "$(grep -l PRIVATE keys/* || true)" ""
ok "the list" "$kiln" -C ws key list --json
assert_contains "Ed25519 for metadata" '"algorithm":"Ed25519"' "$(cat out)"

# What an older key set proved counts as long as its public keys are trusted: nothing is built again.
cp "$from/builder.pub" keys/builder-earlier.pub
ok "a publish signed in the token" "$kiln" -C ws publish
ok "images too" "$kiln" -C ws image busybox static
ok "kiln verifies all of it" "$kiln" -C ws verify --key keys --log "$PWD/keys/log" out/repo out/images/busybox out/images/static
repo=ws/out/repo
"$kiln" -C ws key export metadata --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["key"], end="")' >metadata.asc
ok "dearmor" gpg --batch --yes --dearmor -o metadata.gpg metadata.asc
ok "gpgv: the metadata" gpgv --keyring ./metadata.gpg $repo/repodata/repomd.xml.asc $repo/repodata/repomd.xml
cp $repo/repodata/repomd.xml changed && printf ' ' >>changed
refused "gpgv: changed metadata" 1 "BAD signature" gpgv --keyring ./metadata.gpg $repo/repodata/repomd.xml.asc changed
ok "rpmkeys: its key" rpmkeys --dbpath "$scratch/rpmdb" --import keys/packages.asc
ok "rpmkeys: a package" rpmkeys --dbpath "$scratch/rpmdb" --define '_pkgverify_level all' -K $repo/packages/zlib-1*.rpm
used=$(wc -l <keys/uses.log)
[ "$used" -gt 10 ] && pass "each use is logged" || fail "each use is logged: $used"

# Wrong PIN, no token: nothing leaves.
printf '9999\n' >pin
refused "a wrong PIN" 1 "wrong PIN" "$kiln" -C ws publish --resign
printf '4321\n' >pin
ok "the right one" "$kiln" -C ws publish --resign
mv tokens gone && mkdir tokens
refused "without the token" 1 "tokens are called 'kiln'" "$kiln" -C ws publish --resign
done_testing
