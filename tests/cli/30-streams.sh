#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What goes to stdout and what to stderr, what --json gives, and what happens when a stream is closed,
# full or no longer read.
set -u
. "$(dirname "$0")/lib.sh"
kiln=${KILN:?the kiln program}
cd "$scratch" || exit 2
unset KILN_STORE KILN_KEYS

status() { # status NAME WANTED CMD...: only the exit code
	name=$1 want=$2
	shift 2
	"$@" >"$scratch/out" 2>"$scratch/err"
	same "$name" "$?" "$want"
}
closed() { "$@" >&-; }
full() { "$@" >/dev/full; }
bare() { "$@" <&- >&- 2>&-; }
json() { # json NAME TEXT: stdout is TEXT and nothing else
	same "$1" "$(cat "$scratch/out")" "$2"
}

ok "init" "$kiln" --json init ws
json "init as JSON" '{"path":"ws"}'
ok "options may stand before the command" "$kiln" -C ws --json lint
json "lint as JSON" '{"images":1,"problems":[],"recipes":1}'
ok "--help before the command" "$kiln" --help build
says "it is the command's" "usage: kiln build [options] [RECIPE...]"
refused "an option of a command before its name" 2 "unknown option '--jobs'" "$kiln" --jobs 2 build
refused "no directory" 1 "/nonexistent: No such file or directory" "$kiln" -C /nonexistent lint

# Failures are JSON too, and say the exit code and the remedy apart.
refused "a failure" 1 "there is no log of 'hello'" "$kiln" --json -C ws log hello
json "a failure as JSON" '{"error":"there is no log of '\''hello'\''","exit":1,"hint":"`kiln build hello` makes one"}'
refused "a bad command line" 2 "unknown command 'nosuch'" "$kiln" --json nosuch
json "a bad command line as JSON" '{"error":"unknown command '\''nosuch'\''","exit":2,"hint":"`kiln help` lists the commands"}'
refused "a refusal" 3 "nothing: No such file or directory" "$kiln" --json -C ws verify /nothing
json "a refusal as JSON" '[{"path":"/nothing","policy":"the built-in policy","refused":"/nothing: No such file or directory","steps":[],"verified":false}]'
refused "all that is named is looked at" 3 "/neither: No such file" "$kiln" -C ws verify /nothing /neither
assert_contains "the first refusal is told too" "/nothing: No such file" "$(cat "$scratch/err")"
refused "a seed that is not pinned" 1 "run \`kiln seed lock\`" "$kiln" -C ws seed show

ok "store size" "$kiln" -C ws store size
says "it names the parts" "trees"
ok "store check" "$kiln" -C ws store check --json
json "store check as JSON" '{"blobs":0,"bytes":0,"corrupt":0,"indexStale":false,"quarantined":0,"trees":0}'

# Words of a verb.
refused "a verb without its word" 2 "usage: kiln key [options] init | list | export ROLE" "$kiln" -C ws key
refused "a word too much" 2 "usage: kiln key list" "$kiln" -C ws key list x
refused "a word that is none" 2 "unknown word 'lokc' (did you mean 'lock'?)" "$kiln" -C ws seed lokc
refused "an option of another word" 2 "--update belongs to \`kiln seed lock\`" "$kiln" -C ws seed show --update
refused "an option of another word" 2 "--repair belongs to \`kiln store check\`" "$kiln" -C ws store size --repair
refused "keys that are not there" 1 "there is no key set in" "$kiln" -C ws key list

ok "key init" "$kiln" -C ws key init --json
json "key init as JSON" '{"made":true,"path":"ws/.kiln/keys"}'
ok "key init again makes nothing" "$kiln" -C ws key init --json
json "key init again as JSON" '{"made":false,"path":"ws/.kiln/keys"}'
same "private keys are their owner's" "$(find ws/.kiln/keys ! -name '*.pub' ! -name '*.asc' ! -name '*.pem' -type f ! -perm 0600)" ""
ok "key export" "$kiln" -C ws key export packages
says "a public key, and no private one" "BEGIN PGP PUBLIC KEY BLOCK"
assert_lacks "a public key, and no private one" "PRIVATE" "$(cat "$scratch/out")"
refused "key export of no role" 2 "no key role 'all' (builder, packages, metadata, log, image, rebuilder, timestamp, witness)" "$kiln" -C ws key export all
refused "a shell without a terminal" 1 "a chamber is entered from a terminal" "$kiln" -C ws shell hello </dev/null

# What cannot be printed was not done.
for verb in version help "-C ws lint" "-C ws key list" "-C ws key export builder" "-C ws store size"; do
	# shellcheck disable=SC2086
	status "closed stdout: $verb" 1 closed "$kiln" $verb
	assert_contains "closed stdout: $verb, says so" "standard output" "$(cat "$scratch/err")"
	# shellcheck disable=SC2086
	status "full stdout: $verb" 1 full "$kiln" $verb
done
status "no stream at all: success stays unprinted" 1 bare "$kiln" version
status "no stream at all: bad command line" 2 bare "$kiln" nosuch
status "a closed stdin is no reason to fail" 0 sh -c '"$1" -C ws lint <&-' - "$kiln"

# Closed descriptors must not be given to files of the store: what is printed would go there.
before=$(cd ws && find . -type f -exec sha256sum {} + | sort)
status "all closed: nothing lands in a file" 1 bare "$kiln" -C ws store check
same "the workspace is as it was" "$(cd ws && find . -type f -exec sha256sum {} + | sort)" "$before"

# A reader that goes away is no storm of errors.
{ "$kiln" help recipe 2>"$scratch/err"; } | head -n 1 >/dev/null
same "SIGPIPE is silent" "$(cat "$scratch/err")" ""

# Text from elsewhere cannot draw on a terminal.
mkdir -p 'ws/recipes/x'
printf 'format: 1\nname: x\n"na\\u001b[31mme": x\n' >ws/recipes/x/recipe.yaml
refused "escape sequences in a recipe" 1 "recipes/x/recipe.yaml:3:1:" "$kiln" -C ws lint
same "no escape reaches the terminal" "$(tr -d '\n\t' <"$scratch/err" | LC_ALL=C grep -c '[[:cntrl:]]')" 0
done_testing
