#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No key where untrusted bytes are: while a build runs, an observer that is root searches the memory, environment, arguments,
# descriptors and files of every process of it for every form of every private key and for the passphrase. Only the signer has
# any, where the same search does find them. Keys in files, keys with a passphrase, and keys that the very run makes; kiln run
# by root and by an ordinary user.
set -u
. "$(dirname "$0")/../cli/lib.sh"
if [ "$(id -u)" != 0 ]; then
	skip root "an observer of all processes"
	finish
fi
tests=$(cd "$(dirname "$0")" && pwd)
secrets=$KILN_BUILD/tests/secrets
. "$tests/rounds.sh"
ordinary=65533

# The search itself: it finds what is there, in each kind of place.
ok "a key set" k key init
printf 'correct horse battery staple\n' >pass
chmod 600 pass
"$tests/needles.py" keys >needles
"$secrets" needles tree ws >found
assert_lacks "a tree without keys has none" "found" "$(cat found)"
"$secrets" needles tree keys >found
for role in builder image log metadata packages rebuilder timestamp witness; do
	assert_contains "the search finds the $role key in its file" "$role." "$(grep "/$role.key" found)"
done
python3 -c 'import time; k = open("keys/packages.key").read(); open("ready-1", "w"); time.sleep(600)' &
holders="$!"
python3 -c 'import time; f = open("keys/builder.key"); open("ready-2", "w"); time.sleep(600)' &
holders="$holders $!"
python3 -c 'import os, time; f = os.open("keys", os.O_RDONLY); open("ready-3", "w"); time.sleep(600)' &
holders="$holders $!"
env SECRET="$(sed -n 20p keys/metadata.key)" sleep 600 &
holders="$holders $!"
until_there() { # until_there COMMAND...: succeeds, or a minute has passed
	tries=0
	until "$@" 2>/dev/null || [ $tries -ge 300 ]; do
		tries=$((tries + 1))
		sleep 0.2
	done
}
all_found() {
	for holder in $holders; do
		grep -q '^found' "found-$holder" || return 1
	done
}
until_there ls ready-1 ready-2 ready-3 >ready
for holder in $holders; do
	"$secrets" needles watch "$holder" >"found-$holder" &
done
until_there all_found
# shellcheck disable=SC2086
kill $holders
wait
sort -u found-* | cut -c1-200 >found
assert_contains "it finds a key in memory" "packages.pkcs8.pem.20 in memory of" "$(cat found)"
assert_contains "a line of a key in an environment" "metadata.pkcs8.pem.18 in environ of" "$(cat found)"
assert_contains "a key file that is open" "keys/builder.key open in" "$(cat found)"
assert_contains "a key beneath a directory that is open" "open in conductor/log.key" "$(cat found)"

# One recipe whose step looks around and takes its time, and whose output takes a while to harvest and to pack.
RECIPES=slow
mkdir -p ws/recipes/slow
cat >ws/recipes/slow/recipe.yaml <<'R'
format: 1
name: slow
version: "1"
release: 1
summary: Something that takes its time
license: MIT
homepage: https://example.org/
epoch: 2026-01-01
build:
  limits: {disk: 2GiB, memory: 2GiB}
  steps:
    - name: look
      run: |
        for p in /proc/[0-9]*; do
          echo "process $p"
          tr '\0' '\n' <"$p/environ" || true
          tr '\0' ' ' <"$p/cmdline" || true
          ls -l "$p/fd" || true
          cut -c1-400 "$p/maps" || true
        done 2>/dev/null >/tmp/seen
        echo "saw $(grep -c '^process' /tmp/seen) processes"
        echo "keys: $(find / -xdev \( -name '*.key' -o -name keyring.json -o -name uses.log \) 2>/dev/null | tr '\n' ' ')."
        echo "names of keys: $(grep -c -e '\.key' -e kiln-signer -e PASSPHRASE /tmp/seen)."
        grep -rslE '^-----BEGIN (EC |RSA |ENCRYPTED )?PRIVATE KEY' / --exclude-dir=proc --exclude-dir=dev >/tmp/pem || true
        echo "private keys: $(tr '\n' ' ' </tmp/pem)."
        # The observer says when it has seen enough of this process.
        looked=
        trap 'looked=1' USR1
        while [ -z "$looked" ]; do sleep 0.1; done
        mkdir -p "$DESTDIR/usr/share/slow"
        i=0
        while [ $i -lt 300000 ]; do echo "$((i * 7919 % 1000003)) $((i * i % 99991))"; i=$((i + 1)); done >"$DESTDIR/usr/share/slow/numbers"
        head -c 800000000 /dev/zero >"$DESTDIR/usr/share/slow/zeros"
R
# As the ordinary user, who owns his own copy of everything.
cp -a --reflink=auto store store-ordinary
cp -a ws ws-ordinary
chown -R $ordinary:$ordinary store-ordinary ws-ordinary
mkdir keys-ordinary
chown $ordinary:$ordinary keys-ordinary
chmod 700 keys-ordinary
as() { # as root|ordinary COMMAND...: in place of the shell that says so
	who=$1
	shift
	if [ "$who" = ordinary ]; then
		exec setpriv --reuid=$ordinary --regid=$ordinary --clear-groups -- "$@"
	fi
	exec "$@"
}

look() { # look WHO WORDS: has a build by WHO watched; keys that are not there are made by the run itself
	words=$2
	case $1 in ordinary) ws=$scratch/ws-ordinary ;; *) ws=$scratch/ws ;; esac
	rm -rf "$KILN_STORE/refs/action" "$KILN_STORE/refs/last" "$KILN_STORE/index.sqlite" "$ws"/.kiln/plan-*
	as "$1" "$kiln" -C "$ws" build >built 2>&1 &
	run=$!
	tries=0
	while ! ls "$KILN_KEYS"/*.key >/dev/null 2>&1 || [ "$(ls "$KILN_KEYS" | grep -c '\.key$')" -lt 8 ] || [ ! -e "$KILN_KEYS/witness.pub" ]; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] && [ -d /proc/$run ] || break
		sleep 0.05
	done
	# shellcheck disable=SC2086
	"$tests/needles.py" "$KILN_KEYS" ${KILN_PASSPHRASE_FILE:-} >needles || fail "$words: what to look for"
	"$secrets" needles watch $run "$KILN_KEYS/builder.key" "$KILN_KEYS/packages.key" >found
	wait $run
	same "$words: the build" "$?" 0
	[ "$(tail -n 1 built | grep -c built)" = 1 ] || sed 's/^/# /' built | tail -n 5
	for kind in chamber harvester kiln-chamber kiln-pack conductor signer; do
		assert_contains "$words: seen: $kind" "seen $kind: " "$(cat found)"
	done
	same "$words: no process but the signer holds any form of any key" "$(grep '^found' found | grep -v ' in memory of signer$' | sort -u | head -n 20)" ""
	for role in builder packages; do
		assert_contains "$words: the signer holds the $role key" "found $role." "$(grep ' in memory of signer$' found)"
	done
	same "$words: nor can any that reads what strangers wrote open a key file" "$(grep -E '^opened .* by (chamber|harvester|kiln-pack)$' found | sort -u)" ""
	log=$("$kiln" -C "$ws" log slow 2>&1)
	assert_contains "$words: a step sees processes" "saw " "$log"
	assert_contains "$words: but no key file" "keys: ." "$log"
	assert_contains "$words: no name of one" "names of keys: 0." "$log"
	assert_contains "$words: and no private key" "private keys: ." "$log"
	grep '^seen' found | sed "s/^/# $words: /"
}
export KILN_PASSPHRASE_FILE=$scratch/pass
rm -rf keys
ok "keys with a passphrase" k key init --passphrase
look root "root, keys with a passphrase"
unset KILN_PASSPHRASE_FILE
KILN_STORE=$scratch/store-ordinary
KILN_KEYS=$scratch/keys-ordinary
look ordinary "an ordinary user, keys made by the run"
done_testing
