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

# Python: every package of this host, as if it lay where ours do. rpm's helper writes a range as one rich
# dependency, which becomes two here, and names what "!=" excludes, which we leave out.
judge=/usr/lib/rpm/pythondistdeps.py
if [ -f "$judge" ] && python3 -c 'import packaging' 2>"$dir/ignored"; then
	site=$dir/usr/lib/python3.11/site-packages
	mkdir -p "$site"
	for f in /usr/lib/python3/dist-packages/*.dist-info /usr/lib/python3/dist-packages/*.egg-info; do
		[ -e "$f/METADATA" ] || [ -e "$f/PKG-INFO" ] && cp -RL "$f" "$site/"
	done
	rm -f "$site"/*/requires.txt # older than metadata that says the same; rpm reads it where that is silent
	# What a real host happens not to have: each kind of range, version and marker.
	mkdir "$site/Odd_Name.x-1.0.dist-info"
	cat >"$site/Odd_Name.x-1.0.dist-info/METADATA" <<'END'
Metadata-Version: 2.1
Name: Odd_Name.x
Version: 01.2.0rc1
Requires-Dist: plain
Requires-Dist: Upper.Case_x (>=1.0,<2.0)
Requires-Dist: wild ==1.4.*
Requires-Dist: about~=1.4.2
Requires-Dist: exact === 1.0.post2
Requires-Dist: dev>1.0.dev3
Requires-Dist: epoch>=1!2.0
Requires-Dist: not !=1.5
Requires-Dist: three>=1,!=1.2,<3
Requires-Dist: extras[socks]>=2; extra == 'net'
Requires-Dist: old; python_version < "3.8"
Requires-Dist: new; python_version >= '3.10' and sys_platform == 'linux'
Requires-Dist: either; (python_version < "3" or os_name == "posix") and implementation_name=="cpython"
Requires-Dist: windows; sys_platform == "win32"
Requires-Dist: among; platform_system in "Linux Darwin"
Requires-Dist: address @ https://example.org/x.zip

Requires-Dist: of-the-description
END
	find "$site" -name METADATA -o -name PKG-INFO | sort >"$dir/py"
	while read -r f; do
		d=$(dirname "$f")
		echo "$d" | python3 "$judge" --provides --majorver-provides -n pep503 | sed "s|^|P ${f#"$dir"} |"
		echo "$d" | python3 "$judge" --requires -n pep503 --console-scripts-nodep-setuptools-since 3.8 | sed "s|^|R ${f#"$dir"} |"
	done <"$dir/py" >"$dir/py.raw" 2>"$dir/py.err"
	python3 - "$dir/py.raw" <<'END' | sort -u >"$dir/py.rpm"
import re, sys
for line in open(sys.argv[1]):
    kind, path, dep = line.rstrip("\n").split(" ", 2)
    rich = dep.startswith("(")
    parts = re.split(r" with ", dep[1:-1]) if rich and " with " in dep else [dep]
    kept = [p for p in parts if " or " not in p]
    for p in kept or [re.search(r"python[\d.]+dist\([^)]*\)", dep).group()]:
        print(kind, path, p)
END
	xargs "$tool" deps --root "$dir" <"$dir/py" | sort -u >"$dir/py.kiln"
	compare "Python" "$dir/py.rpm" "$dir/py.kiln" "$(wc -l <"$dir/py")"
else
	missing rpm "whether Python's dependencies are rpm's is unknown"
fi

# CMake's packages: rpm has no helper here, so CMake's own words are the judge: the version it finds.
if command -v cmake >"$dir/ignored"; then
	mkdir "$dir/cmake"
	find /usr/lib /usr/share -path '*/cmake/*' \( -name '*ConfigVersion.cmake' -o -name '*-config-version.cmake' \) \
		! -path '/usr/share/cmake-*' 2>"$dir/ignored" | sort >"$dir/cm"
	while read -r f; do
		printf 'set(PACKAGE_FIND_VERSION 0)\nset(CMAKE_SIZEOF_VOID_P 8)\ninclude("%s")\nmessage("${PACKAGE_VERSION}")\n' "$f" >"$dir/ask.cmake"
		v=$(cmake -P "$dir/ask.cmake" 2>&1 | tail -n 1)
		n=$(basename "$f" | sed 's/-config-version\.cmake$//; s/ConfigVersion\.cmake$//')
		printf 'P %s cmake(%s) = %s\n' "$f" "$n" "$v" "$f" "$(echo "$n" | tr 'A-Z' 'a-z')" "$v"
	done <"$dir/cm" | sort -u >"$dir/cm.asked"
	xargs "$tool" deps <"$dir/cm" | sort -u >"$dir/cm.kiln"
	compare "CMake" "$dir/cm.asked" "$dir/cm.kiln" "$(wc -l <"$dir/cm")"
else
	missing cmake "whether versions are those that CMake finds is unknown"
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
printf 'R %s /bin/sh\nR %s /usr/bin/env\nR %s /usr/bin/python3\n' "$dir/script" "$dir/env" "$dir/env" >"$dir/scripts"
compare "scripts" "$dir/scripts" "$dir/scripts.kiln" 3

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
