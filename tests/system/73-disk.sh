#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A disk that is full, and one that breaks, at every call by which a build changes the store: an error that
# says what and where, a sound store, and the next build comes to the same packages. KILN_FAULTS=all tries
# every call; else some over the whole build. FIRST=n begins there; ONLY=28 tries the full disk alone, ONLY=5
# the broken one. Works in a copy of a store that holds the seed.
set -u
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/rounds.sh"
shim=$KILN_BUILD/tests/fault.so
chain note-a ''
chain note-b note-a
RECIPES='note-a note-b'
FAULT_DIR=$scratch/store
FAULT_COUNT=$scratch/count
export FAULT_DIR FAULT_COUNT
settle

failing() { # failing AT ERRNO ON: a build with the disk failing there
	head -c 4096 /dev/zero >count
	FAULT_AT=$1 FAULT_ERRNO=$2 FAULT_ON=$3 LD_PRELOAD=$shim timeout -k 5 120 "$kiln" -C ws build -j 1 >log 2>&1
}
counted() { od -An -t d8 -N 8 count | tr -d ' '; }

failing 0 0 0
same "the shim is in the way of nothing" "$?" 0
total=$(counted)
[ "${total:-0}" -gt 100 ] || fail "only $total calls were counted"
outcome >got
same "nor of what comes out" "$(cat got)" "$(cat wanted)"
reset

try() { # try WORDS ERRNO ON STEP: says what is wrong with it
	[ "${ONLY:-$2}" = "$2" ] || return
	bad=
	tried=0
	at=${FIRST:-1}
	while [ "$at" -le "$total" ] && [ ${#bad} -lt 2000 ]; do
		failing "$at" "$2" "$3"
		rc=$?
		tried=$((tried + 1))
		case $rc in
		0) ;; # it could be done without
		1) grep '^error: ' log | grep -q "$1" || grep -q "failed: .*$1" log || bad="call $at: no word of it: $(cat log);" ;;
		*) bad="call $at: ended $rc: $(tail -n 3 log);" ;;
		esac
		[ "$rc:$2" != 1:28 ] || grep -q '^hint: free ' log || bad="$bad call $at: no remedy: $(tail -n 3 log);"
		wrong=$(broken)
		[ -z "$wrong" ] || bad="$bad call $at: broken: $wrong;"
		timeout 120 "$kiln" -C ws build -j 1 >log 2>&1 || bad="$bad after call $at: $(tail -n 3 log);"
		outcome >got
		cmp -s wanted got || bad="$bad after call $at: other packages: $(diff wanted got);"
		left=$(ls -A store/tmp)
		[ -z "$left" ] || bad="$bad after call $at: tmp holds $left;"
		[ $((tried % 20)) != 0 ] || k store check >log 2>&1 || bad="$bad after call $at: $(cat log);"
		reset
		at=$((at + $4))
	done
	same "$tried of $total calls, $1: the words, a sound store, the next build" "$bad" ""
}
step=$((total / 12))
[ "${KILN_FAULTS:-}" != all ] || step=1
try 'No space left on device' 28 1 $step
try 'Input/output error' 5 0 $step
ok "store check in the end" k store check
finish
