#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A large C++ build, unchanged, under every wall: ICU (tests/data/large/icu), in two fresh stores: as
# whoever runs this, then, when that is root, as an ordinary user, elsewhere and with another umask.
# Same bytes both times, every wall in the record, nothing attempted. Fetches seed and source from the
# host's archive, so it is no part of check-system: `make check-large`, some five minutes on two CPUs.
. "$(dirname "$0")/lib.sh"

HOUSE=$(cd "$(dirname "$0")/../.." && pwd)
ORDINARY=65533
WALLS='capabilities cpus dev fixed_addresses landlock memory namespaces network no_new_privs proc read-only_root rlimits seccomp tmpfs_caps'

# What a store knows of its one action, one "key: value" a line.
facts() { # facts STORE
	python3 - "$1" <<'END'
import json, os, sys
store = sys.argv[1]
blob = lambda h: json.load(open(f"{store}/blobs/{h[:2]}/{h}"))
keys = os.listdir(f"{store}/refs/action")
result = json.load(open(f"{store}/refs/action/{keys[0]}"))
record = blob(result["record"])
package = result["packages"][0]
print("actions:", len(keys))
print("action:", keys[0])
print("package:", package["name"], package["version"])
print("file:", package["file"])
print("header:", package["header"])
print("output:", record["output"])
print("files:", len(package["paths"]))
print("size:", package["installed_size"])
print("libraries:", sum(p.startswith("lib") and ".so." in p for p in package["provides"]))
print("violations:", len(record["violations"]))
print("peak:", result["measures"]["peakMemoryBytes"])
print("walls:", " ".join(w["name"].replace(" ", "_") for w in record["walls"]))
END
}

build() { # build WHO UMASK: in a workspace and a store of their own
	home=$SCRATCH/$1
	mkdir -p "$home/ws/recipes" "$home/ws/images/catalog" && cp "$KILN_BUILD/kiln" "$home/kiln" || exit 2
	cp "$HOUSE/kiln.yaml" "$home/ws/" && cp -R "$HOUSE/bootstrap" "$home/ws/" || exit 2
	cp -R "$HOUSE/tests/data/large/icu" "$home/ws/recipes/" || exit 2
	as=
	if [ "$1" = ordinary ]; then
		chown -R $ORDINARY:$ORDINARY "$home"
		as="setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups --"
	fi
	(
		umask "$2"
		export KILN_STORE="$home/store" KILN_KEYS="$home/keys" HOME="$home"
		cd "$home/ws" || exit 2
		# shellcheck disable=SC2086 # words
		$as "$home/kiln" key init && python3 - $as "$home/kiln" build icu <<'END'
import resource, subprocess, sys
rc = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("cpu: %.0f s" % (used.ru_utime + used.ru_stime))
sys.exit(rc)
END
	) >"$home/log" 2>&1
	rc=$?
	facts "$home/store" >"$home/facts" 2>>"$home/log"
	assert_eq "$1: ICU builds under every wall" 0 $rc
	[ "$rc" = 0 ] || tail -n 40 "$home/log"
	got=$(cat "$home/facts")
	assert_eq "$1: nothing else was built for it" 1 "$(value actions "$got")"
	assert_eq "$1: the package is there" 'icu 72.1' "$(value package "$got")"
	assert_eq "$1: with all six libraries" 6 "$(value libraries "$got")"
	assert_eq "$1: it attempted nothing that is forbidden" 0 "$(value violations "$got")"
	for wall in $WALLS; do
		case " $(value walls "$got") " in
		*" $wall "*) ;;
		*) missing="${missing:-}$wall " ;;
		esac
	done
	assert_eq "$1: the record lists every wall" '' "${missing:-}"
	echo "# $1: $(value cpu "$(cat "$home/log")") of CPU, $(value files "$got") paths, $(value size "$got") bytes, peak $(value peak "$got") bytes"
	echo "# $1: $(grep -o 'done .*' "$home/log")"
}

[ "$(id -u)" = 0 ] && second=ordinary || second=again
build first 022
build $second 077
assert_eq "both are one action" "$(value action "$(cat "$SCRATCH/first/facts")")" \
	"$(value action "$(cat "$SCRATCH/$second/facts")")"
for what in output header file; do
	assert_eq "the same $what both times" "$(value $what "$(cat "$SCRATCH/first/facts")")" \
		"$(value $what "$(cat "$SCRATCH/$second/facts")")"
done
finish
