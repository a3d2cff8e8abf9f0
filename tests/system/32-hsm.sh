#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A whole publish with every key in a token: the secrets are made in SoftHSM2 and never leave it. Verified by
# kiln, gpgv and rpmkeys; without the token nothing is signed. What runs in the signer for a token reaches the token and
# no more. Works on a copy of a filled store.
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
describe() { # describe ROLE MODULE LINE...: the description of a key in the token
	printf 'pkcs11:\n  module: %s\n  token: kiln\n  object: %s\n  pin_file: %s/pin\n' "$2" "$1" "$scratch" >"keys/$1.key"
	at=keys/$1.key
	shift 2
	printf '  %s\n' "$@" >>"$at"
	chmod 600 "$at"
}
number=1
for key in builder:EC:prime256v1 image:EC:prime256v1 rebuilder:EC:prime256v1 timestamp:EC:prime256v1 \
	packages:rsa:3072 metadata:EC:edwards25519 log:EC:edwards25519 witness:EC:edwards25519; do
	role=${key%%:*}
	ok "a secret for $role, made inside" pkcs11-tool --module $module --token-label kiln --login --pin 4321 --keypairgen \
		--key-type "${key#*:}" --id "0$number" --label "$role"
	number=$((number + 1))
	describe "$role" "$module" "writes: [$scratch/tokens]" "environment: {SOFTHSM2_CONF: $SOFTHSM2_CONF}"
	chmod 600 "keys/$role.key"
done
conf=$SOFTHSM2_CONF
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

# The module of the builder's key looks around, when the public half is read out and when the signer begins.
mkdir home
printf 'nobody else\n' >home/secret
printf 'secret\n' >keys/file.key
cat >tasks <<T
read $scratch/home/secret
read $scratch/pin
read $scratch/keys
read $scratch/keys/file.key
read $scratch/keys/builder.key
write $scratch/keys/builder.pub
read $scratch/ws/.kiln/store
read $scratch/ws/kiln.yaml
read /etc/passwd
read /proc/1/environ
write $scratch/ws/out/repo/repodata/repomd.xml
truncate $scratch/home/full
truncate $scratch/tokens/full
unix $scratch/home/agent
pair -
inet -
udp -
held $scratch/home/secret
terminal -
read /dev/tty
T
printf 'full\n' >home/full
printf 'full\n' >tokens/full
cat >listen.py <<'P'
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.bind(sys.argv[1])
    s.listen(64)
    print("listens", flush=True)
    while True:
        s.accept()[0].close()
P
python3 listen.py home/agent >listening &
listener=$!
trap 'kill $listener' EXIT
until [ -s listening ] || ! kill -0 $listener; do sleep 0.1; done
seated() { # seated COMMAND...: on a terminal, with a file of ours open beside it
	python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
		sh -c 'exec "$@" 9<home/secret' - "$@" </dev/null
}
spied() { # spied WORDS WANTED: what the module managed since the last time
	same "$1" "$(sort -u report | tr '\n' ';')" "$2"
	: >report
}
spy() { # spy LINE...: the builder's description, with the module that looks around
	describe builder "$KILN_BUILD/tests/spy.so" "environment: {SOFTHSM2_CONF: $conf, SPY_TASKS: $scratch/tasks, SPY_REPORT: $scratch/report}" "$@"
}
: >report
ok "without a fence" seated env SOFTHSM2_CONF="$conf" SPY_TASKS="$scratch/tasks" SPY_REPORT="$scratch/report" \
	pkcs11-tool --module "$KILN_BUILD/tests/spy.so" --list-slots
for did in "unix $scratch/home/agent" "pair -" "truncate $scratch/home/full" "truncate $scratch/tokens/full" \
	"held $scratch/home/secret" "terminal -" "read /dev/tty" "inet -" "read $scratch/home/secret"; do
	assert_contains "it manages: ${did%% *}" "$did" "$(cat report)"
done
: >report
spy "writes: [$scratch/tokens, $scratch/report]"
mv keys/builder.pub builder.pub
ok "the public half, read by a module that looks around" seated "$kiln" -C ws key init
spied "it reached nothing: no home, no key set, no store, no socket, no terminal" "ran;"
same "and read the same half" "$(cat keys/builder.pub)" "$(cat builder.pub)"
ok "signing with it" seated "$kiln" -C ws publish --resign
spied "in the signer neither" "ran;"
spy "writes: [$scratch/tokens, $scratch/report]" "reads: [/dev]"
rm keys/builder.pub
ok "one that may read the devices" seated "$kiln" -C ws key init
spied "has no terminal there" "ran;"
spy "writes: [$scratch/tokens, $scratch/report]" "sockets: true"
ok "one that may call this machine" "$kiln" -C ws publish --resign
spied "calls it, and no other" "pair -;ran;unix $scratch/home/agent;"
spy "writes: [$scratch/tokens, $scratch/report]" "reads: [$scratch/home]" "network: true"
ok "what its description names" "$kiln" -C ws publish --resign
spied "it reaches" "inet -;pair -;ran;read $scratch/home/secret;udp -;unix $scratch/home/agent;"
spy "writes: [$scratch]"
refused "a description that opens the key set" 1 "holds the key set itself" "$kiln" -C ws publish --resign
spied "no module ran" ""
describe builder $module "environment: {SOFTHSM2_CONF: $conf}"
ok "the others still name the token's directory" "$kiln" -C ws publish --resign
for role in image rebuilder timestamp packages metadata log witness; do
	describe $role $module "environment: {SOFTHSM2_CONF: $conf}"
done
refused "a module that cannot live in its fence" 1 "its token's directory must be there" "$kiln" -C ws publish --resign
for role in builder image rebuilder timestamp packages metadata log witness; do
	describe $role $module "writes: [$scratch/tokens]" "environment: {SOFTHSM2_CONF: $conf}"
done
rm keys/file.key

mv tokens gone && mkdir tokens
refused "without the token" 1 "tokens are called 'kiln'" "$kiln" -C ws publish --resign
done_testing
