#!/bin/sh
# Automatic dependencies, file by file, against rpm's own helpers on this host's libraries and
# programs: elfdeps for ELF files, pkg-config for modules. Any difference is a failure.
# usage: KILN_BUILD=build/release tests/system/20-elfdeps.sh
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=${KILN_BUILD:-$here/../../build/release}
max=${KILN_ELFDEPS_MAX:-600}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0
skipped=0

missing() { # missing PROGRAM WHAT
	case " ${REQUIRE:-} " in
	*" $1 "* | *" all "*)
		failed=$((failed + 1))
		echo "FAILED: $1 is required and not installed"
		;;
	*)
		skipped=$((skipped + 1))
		echo "SKIPPED: $1 is not installed: $2"
		;;
	esac
}
compare() { # compare WHAT EXPECTED GOT COUNT
	if [ "$4" -lt 1 ]; then
		failed=$((failed + 1))
		echo "FAILED: $1: nothing to compare"
	elif diff "$2" "$3" >"$dir/diff"; then
		passed=$((passed + 1))
		echo "$1: $(wc -l <"$3") dependencies of $4 files, no difference"
	else
		failed=$((failed + 1))
		echo "FAILED: $1: < rpm, > kiln"
		head -n 20 "$dir/diff"
	fi
}

make --no-print-directory -s -C "$here/../.." MODE="$(basename "$build")" rpmtool >"$dir/out" 2>&1 || {
	cat "$dir/out"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}
tool=$build/tests/rpmtool

elfdeps=/usr/lib/rpm/elfdeps
if [ -x "$elfdeps" ]; then
	for f in /usr/lib/x86_64-linux-gnu/* /usr/lib/x86_64-linux-gnu/*/*.so* /usr/bin/* /usr/sbin/* /usr/lib64/*; do
		[ -f "$f" ] && [ ! -L "$f" ] && [ "$(head -c 4 "$f" 2>"$dir/ignored" | tail -c 3)" = ELF ] && echo "$f"
	done 2>"$dir/ignored" | head -n "$max" >"$dir/elf"
	while read -r f; do
		"$elfdeps" --provides "$f" | sed "s|^|P $f |"
		"$elfdeps" --requires "$f" | sed "s|^|R $f |"
	done <"$dir/elf" | sort -u >"$dir/elf.rpm"
	xargs "$tool" deps <"$dir/elf" | sort -u >"$dir/elf.kiln"
	compare "ELF" "$dir/elf.rpm" "$dir/elf.kiln" "$(wc -l <"$dir/elf")"
else
	missing rpm "whether ELF dependencies are rpm's is unknown"
fi

if command -v pkg-config >"$dir/ignored"; then
	find /usr/lib/x86_64-linux-gnu/pkgconfig /usr/share/pkgconfig -name '*.pc' 2>"$dir/ignored" | sort >"$dir/pc"
	helper=/usr/lib/rpm/pkgconfigdeps.sh
	while read -r f; do
		echo "$f" | $helper --provides | sed "s|^|P $f |"
		echo "$f" | $helper --requires | grep -v '^/usr/bin/pkg-config$' | sed "s|^|R $f |"
	done <"$dir/pc" | sed 's/ *$//' | sort -u >"$dir/pc.rpm"
	xargs "$tool" deps <"$dir/pc" | sort -u >"$dir/pc.kiln"
	compare "pkg-config" "$dir/pc.rpm" "$dir/pc.kiln" "$(wc -l <"$dir/pc")"
else
	missing pkg-config "whether its modules are read as it reads them is unknown"
fi

cat >"$dir/script" <<'END'
#!  /bin/sh -e
END
chmod 755 "$dir/script"
printf '#!/usr/bin/env python3\n' >"$dir/env"
chmod 755 "$dir/env"
printf '#!/bin/sh\n' >"$dir/data"
chmod 644 "$dir/data"
"$tool" deps "$dir/script" "$dir/env" "$dir/data" >"$dir/scripts.kiln"
printf 'R %s /bin/sh\nR %s /usr/bin/env\n' "$dir/script" "$dir/env" >"$dir/scripts"
compare "scripts" "$dir/scripts" "$dir/scripts.kiln" 3

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
