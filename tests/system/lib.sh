# SPDX-License-Identifier: Apache-2.0
# Sourced by every NN-name.sh. Each assertion prints one line, "ok N - words" or "not ok N - words";
# `finish` prints the sum. A skip counts as a failure when REQUIRE lists its reason's first word (or
# is "all", without "-WORD" for it): a test that did not run has shown nothing.
set -u
unset CI # a test that wants a run to be unattended says so
KILN_BUILD=${KILN_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build/release}
PASSED=0
FAILED=0
SKIPPED=0

SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/kiln-system-XXXXXX") || exit 2
chmod 755 "$SCRATCH"
# What this user saw of repositories and logs is nobody else's business: each test begins with none.
export XDG_STATE_HOME="$SCRATCH/state"
trap 'chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT
trap 'exit 130' INT TERM

pass() { # pass WORDS
	PASSED=$((PASSED + 1))
	echo "ok $((PASSED + FAILED)) - $*"
}

fail() { # fail WORDS [EXPLANATION]
	FAILED=$((FAILED + 1))
	echo "not ok $((PASSED + FAILED)) - $1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | head -n 60 | sed 's/^/#   /'
}

skip() { # skip NEED WORDS
	need=$1
	shift
	case " ${REQUIRE:-} " in
	*" -$need "*)
		SKIPPED=$((SKIPPED + 1))
		echo "# skip - $* (needs $need)"
		;;
	*" $need "* | *" all "*)
		fail "$* (skipped for want of $need)" "REQUIRE lists $need"
		;;
	*)
		SKIPPED=$((SKIPPED + 1))
		echo "# skip - $* (needs $need)"
		;;
	esac
}

assert_eq() { # assert_eq WORDS WANTED GOT
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "wanted: $2
got:    $3"
	fi
}

assert_contains() { # assert_contains WORDS NEEDLE TEXT
	case "$3" in
	*"$2"*) pass "$1" ;;
	*) fail "$1" "wanted: $2
in: $3" ;;
	esac
}

assert_lacks() { # assert_lacks WORDS NEEDLE TEXT
	case "$3" in
	*"$2"*) fail "$1" "did not want: $2
in: $3" ;;
	*) pass "$1" ;;
	esac
}

assert_line() { # assert_line WORDS LINE TEXT: the whole line is there
	if printf '%s\n' "$3" | grep -Fxq -- "$2"; then
		pass "$1"
	else
		fail "$1" "wanted the line: $2
in:
$3"
	fi
}

assert_below() { # assert_below WORDS LIMIT NUMBER
	if [ -n "$3" ] && [ "$3" -lt "$2" ]; then
		pass "$1"
	else
		fail "$1" "wanted less than $2, got $3"
	fi
}

value() { # value KEY TEXT: of the first line "KEY: value"
	printf '%s\n' "$2" | sed -n "s/^$1: //p" | head -n 1
}

copy_store() { # copy_store FROM TO: without what others are just making in it
	mkdir -p "$2/tmp" || return
	for dir in . tmp; do
		chown --reference="$1/$dir" "$2/$dir" && chmod --reference="$1/$dir" "$2/$dir" || return
	done
	find "$1" -mindepth 1 -maxdepth 1 ! -name tmp -exec cp -a --reflink=auto -t "$2" {} +
}

finish() {
	echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
	exit
}
