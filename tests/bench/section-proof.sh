# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Statements: signed, logged, stamped and bundled in a batch; the log as it grows to a million entries; and one
# bundle verified by us and by sigstore's own verifier (npm, pinned), warm process beside warm process and cold
# beside cold. Times are of the processor: company is no work. The batch is on a file system in memory, because its
# target is about a core; beside it stands what a disk adds.
# BENCH_LEAVES (1000000), BENCH_STATEMENTS (2000): for trying the section itself.

target "a statement signed, logged, stamped and bundled, in a batch of 2,000 (500/s)" value proof-enter - 2000
target "the same with a store on the disk, every file durable" reported proof-enter-disk -
target "the same batch again: found, nothing signed" reported proof-again -
target "append of 100,000 entries" value proof-append - 5000000
target "an inclusion proof out of 1,000,000" value proof-inclusion - 5000
target "the tiles it reads" value proof-tiles - 50
target "growth shown to a witness, out of 1,000,000" value proof-growth - 10000
target "a witness's check of a log that grows to 1,000,000, its state made durable" value proof-witness - 10000
target "one bundle, beside sigstore's verifier, both warm" least proof-bundle proof-npm 10
target "one bundle with its statement read, beside sigstore's, both warm" reported proof-statement proof-npm
target "kiln verify of one package with all it was made of, beside sigstore's verifier on its one bundle, both cold" reported proof-kiln-cold-cpu proof-npm-cold-cpu

proof_npm() { # proof_npm BUNDLE
	need proof-npm node nodejs && need proof-npm npm npm || return 0
	judge=$top/build/sigstore-judge
	if ! "$here/../system/judge.sh" sigstore "$judge" >"$S/try" 2>&1; then
		miss proof-npm "sigstore's verifier could not be installed: $(tail -n 1 "$S/try")"
		return 0
	fi
	hint=$(sed 's/.*"hint":"\([^"]*\)".*/\1/' "$1")
	trust="$S/ws/out/repo/keys/trusted_root.json $S/ws/out/repo/keys/builder.pub $hint"
	for i in 1 2 3; do
		# shellcheck disable=SC2086
		node "$judge/judge.js" bench $trust 300 "$1" | sed 's/^/proof-npm /' >>"$S/samples"
	done
	in_turn "$builds" proof-kiln-cold "$kiln verify --key $KILN_KEYS ${1%.sigstore.json}" \
		proof-npm-cold "node $judge/judge.js verify $trust $1"
}

proof_enter() { # proof_enter DIR SERIES
	"$tools/prove" enter "$KILN_KEYS" "$1-store" "$1-log" "${BENCH_STATEMENTS:-2000}" >"$S/entered" 2>"$S/try" ||
		miss "$2" "$(tail -n 1 "$S/try")"
	sed "s/^proof-enter /$2 /" "$S/entered" >>"$S/samples"
}

section_proof() {
	unit proof-tiles tiles
	filled_workspace proof-enter || return 0
	mkdir -p "$S/proof"
	memory=$(mktemp -d /dev/shm/kiln-bench-XXXXXX) || memory=$S/proof
	for i in 1 2 3; do
		proof_enter "$memory/$i" proof-enter
		proof_enter "$S/proof/$i" proof-enter-disk
		rm -rf "$memory/$i-store" "$memory/$i-log"
	done
	[ "$memory" = "$S/proof" ] || rmdir "$memory"
	"$tools/prove" log "$KILN_KEYS" "$S/proof/large" "${BENCH_LEAVES:-1000000}" >>"$S/samples" 2>"$S/try" ||
		miss proof-append "$(tail -n 1 "$S/try")"
	set -- "$S"/ws/out/repo/packages/zlib-[0-9]*.rpm.sigstore.json
	fact "proof: bundle of $(wc -c <"$1") bytes"
	for i in 1 2 3; do
		"$tools/prove" verify "$KILN_KEYS" 2000 "$1" >>"$S/samples" 2>"$S/try" || miss proof-bundle "$(tail -n 1 "$S/try")"
	done
	proof_npm "$1"
}
