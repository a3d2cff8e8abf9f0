#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Large and odd outputs: taken as they are, or refused by name, in bounded time.
# KILN_HARVEST=full: a million files, too.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
CHAMBER=$KILN_BUILD/tests/chamber
STORE=$SCRATCH/store
if ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "large outputs (Debian package busybox-static)"
	finish
fi
links=$(for t in sh cat mkdir seq xargs touch truncate; do echo "usr/bin/$t@=busybox"; done)
# shellcheck disable=SC2086
"$CHAMBER" "$STORE" tree ground "usr/bin/busybox=$BUSYBOX" $links
run() { "$CHAMBER" "$STORE" run -o -T ground -e PATH=/bin "$@" 2>&1; }

start=$(date +%s)
log=$(run 'cd /out; for d in $(seq 1 20); do mkdir $d; (cd $d; seq 1 1000 | xargs touch); done')
assert_eq "20,000 files are taken" ok "$(value cause "$log")"
assert_eq "every one of them" 20020 "$(printf '%s\n' "$log" | grep -c '^out: ')"
assert_below "in bounded time" 60 $(($(date +%s) - start))
log=$(run 'touch /out/Name /out/name /out/NAME')
assert_eq "names that differ by case are different names" 'NAME Name name ' \
	"$(printf '%s\n' "$log" | sed -n 's/^out: \([^ ]*\) .*/\1/p' | tr '\n' ' ')"
log=$(run 'cd /out; i=0; while [ $i -lt 2000 ]; do mkdir d; cd d; i=$((i+1)); done')
assert_eq "2,000 directories deep is refused" output "$(value cause "$log")"
assert_contains "in words" 'more than 64 directories deep' "$(value message "$log")"
log=$(run -k deep 'i=0; while [ $i -lt 2000 ]; do mkdir d; cd d; i=$((i+1)); done; false')
assert_eq "and in what is kept of a failure, passed over" "step 's1' exited 1" "$(value message "$log")"
log=$(run 'truncate -s 3900M /out/a; truncate -s 3900M /out/b')
assert_contains "holes count as what they claim" 'the output is larger' "$(value message "$log")"
long=$(printf '%0250d' 0)
log=$(run "cd /out; for i in \$(seq 1 15); do mkdir $long; cd $long; done; seq 1 18000 | xargs touch")
assert_eq "a list of files that is too long is refused" output "$(value cause "$log")"
assert_contains "in words, with a way out" 'too many files: the list of the first 1' "$(value message "$log")"
assert_contains "and the bound" 'larger than 64 MiB; make several packages' "$(value message "$log")"
if [ "${KILN_HARVEST:-}" = full ]; then
	log=$(run 'cd /out; for d in $(seq 1 990); do mkdir $d; (cd $d; seq 1 1000 | xargs touch); done')
	assert_eq "a million files are refused" output "$(value cause "$log")"
	assert_contains "in words" 'too many files' "$(value message "$log")"
	log=$(run 'cd /out; for d in $(seq 1 300); do mkdir $d; (cd $d; seq 1 1000 | xargs touch); done')
	assert_eq "300,000 are taken" ok "$(value cause "$log")"
fi
finish
