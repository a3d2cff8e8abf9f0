#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make bench` runs: Kiln beside what others use for the same, in one run on one machine.
# Writes build/bench.json, prints a table, exits 1 when a target is missed.
#
#   BENCH_ROUNDS (60), BENCH_BUILDS (5): samples of a latency, of a whole build
#   BENCH_ONLY: some of the sections below   BENCH_OUT: another place for the JSON
#   KILN_STORE, KILN_KEYS: the filled store, and keys to sign with
#
# A section is a file section-NAME.sh. It is sourced, states its targets with `target`, and defines
# section_NAME, which writes "SERIES NUMBER" lines to $S/samples. What it uses is defined here; $S is
# scratch. It runs in a subshell: what it exports stays its own.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/bench
export KILN_BUILD="${KILN_BUILD:-$top/build/release}"
tools=$KILN_BUILD/bench
kiln=$top/build/kiln
rounds=${BENCH_ROUNDS:-60}
builds=${BENCH_BUILDS:-5}
filled=${KILN_STORE:-$top/.kiln/store}

S=$(mktemp -d "${TMPDIR:-/tmp}/kiln-bench-XXXXXX") || exit 2
chmod 755 "$S"
cleanup() {
	umount "$S/hold/cgroup2" "$S/hold" "$S/podman/root/overlay" 2>/dev/null
	chmod -R u+rwX "$S" 2>/dev/null
	rm -rf "$S"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
: >"$S/samples"
: >"$S/missing"
: >"$S/targets"

# ---- what sections say ----
# most, least: SERIES / AGAINST at most, AGAINST / SERIES at least LIMIT. more: SERIES - AGAINST at
# most LIMIT. value: SERIES itself at most LIMIT (of a count, or of what the issue states so).
# reported: the ratio, without a limit; AGAINST may be -.
target() { # target WORDS KIND SERIES AGAINST [LIMIT]
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$section" "$1" "$2" "$3" "$4" "${5:-}" >>"$S/targets"
}
unit() { # unit SERIES WORD: of its numbers, where they are not microseconds ("us")
	printf '= %s %s\n' "$1" "$2" >>"$S/samples"
}
fact() { printf '# %s\n' "$*" >>"$S/samples"; }
miss() { # miss SERIES WHY: it could not be measured
	printf '%s: %s\n' "$1" "$2" >>"$S/missing"
}
need() { # need SERIES PROGRAM DEBIAN-PACKAGE
	command -v "$2" >/dev/null && return 0
	miss "$1" "no $2 here (Debian package $3)"
	return 1
}
# The reason a peer cannot run is its own last line.
tries() { # tries SERIES COMMAND
	if ! sh -c "$2" >"$S/try" 2>&1; then
		miss "$1" "does not run here: $(tail -n 1 "$S/try" | tr -d '\r' | cut -c1-200)"
		return 1
	fi
}
in_turn() { # in_turn ROUNDS [SERIES COMMAND]...: wall and -cpu of each, interleaved
	python3 "$here/spawn.py" "$@" >>"$S/samples" 2>"$S/try" && return 0
	miss "$2" "$(tail -n 1 "$S/try")"
	return 1
}

copy_package() { # copy_package NAME: below /usr, links and files, /bin and /lib where they really lie
	[ ! -d "$S/pkg/$1" ] || return 0
	mkdir -p "$S/pkg/$1"
	dpkg-query -L "$1" | while read -r path; do
		if [ -L "$path" ] || [ -f "$path" ]; then
			echo "$path" | sed -E 's,^/((bin|sbin|lib|lib64)/),/usr/\1,'
		fi
	done | grep '^/usr/' | grep -v '^/usr/share/\(doc\|man\|locale\|info\)/' | tar -C / -cf - -T - 2>/dev/null |
		tar -C "$S/pkg/$1" -xf -
}

# A workspace of this source tree's recipes in $S/ws, on the filled store and published once. Only if
# the store is filled, with results of these keys: else a build of hours would hide in nothing to do.
filled_workspace() { # filled_workspace SERIES
	export KILN_STORE="$filled" KILN_KEYS="${KILN_KEYS:-$top/.kiln/keys}"
	if [ ! -d "$filled/trees" ] || [ ! -d "$KILN_KEYS" ]; then
		miss "$1" "no filled store at $filled with keys at $KILN_KEYS: run make quickstart, or name them in KILN_STORE and KILN_KEYS"
		return 1
	fi
	mkdir -p "$S/ws" && cp -a "$top/kiln.yaml" "$top/kiln.lock" "$top/recipes" "$top/bootstrap" "$top/images" "$S/ws/"
	if ! "$kiln" -C "$S/ws" build --dry-run >"$S/try" 2>&1 || ! grep -q 'would build 0,' "$S/try" ||
		! "$kiln" -C "$S/ws" publish >"$S/try" 2>&1; then
		miss "$1" "the store at $filled does not hold these recipes by the keys at $KILN_KEYS ($(grep -m 1 -E 'would build|error' "$S/try")): run make quickstart"
		return 1
	fi
}

# Results go to a copy: what is never changed is linked, the rest copied.
store_copy() { # store_copy DIR
	mkdir -p "$1" && cp -a "$filled/format" "$filled/refs" "$1/" &&
		cp -al "$filled/blobs" "$filled/manifests" "$filled/trees" "$1/" &&
		mkdir -p "$1/tmp" "$1/locks" "$1/quarantine" &&
		chown --reference="$filled" "$1" "$1/tmp" "$1/locks" "$1/quarantine"
}

# ---- the run ----
sections=${BENCH_ONLY:-$(cd "$here" && ls section-*.sh | sed 's/^section-//; s/\.sh$//')}
for section in $sections; do
	if [ ! -r "$here/section-$section.sh" ]; then
		echo "bench: no section $section; there are:" "$here"/section-*.sh >&2
		exit 2
	fi
done
for section in $sections; do
	echo "bench: $section" >&2
	began=$(date +%s)
	printf '@ %s\n' "$section" >>"$S/samples"
	(
		trap - EXIT
		# shellcheck disable=SC1090
		. "$here/section-$section.sh" && "section_$section"
	) || miss "$section" "the section ended with status $?"
	printf '! seconds %s\n' $(($(date +%s) - began)) >>"$S/samples"
done
mkdir -p "$top/build"
python3 "$here/report.py" "$S" "${BENCH_OUT:-$top/build/bench.json}" "$rounds" "$builds"
