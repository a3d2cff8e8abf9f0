# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A real build: zlib, in a chamber of one tree per Debian package, and in those merged in a directory.

target "zlib in the chamber against a plain directory, CPU" most zlib-chamber zlib-plain 1.03
target "zlib in the chamber, traced, against plain, CPU" most zlib-traced zlib-plain 1.05

toolchain='binutils binutils-common binutils-x86-64-linux-gnu binutils-aarch64-linux-gnu coreutils cpp-12 dash
	diffutils findutils gcc gcc-12 grep hostname libacl1 libattr1 libbinutils libc-dev-bin libc6
	libc6-dev libctf-nobfd0 libctf0 libgcc-12-dev libgcc-s1 libgmp10 libgprofng0 libisl23 libjansson4
	libmpc3 libmpfr6 libpcre2-8-0 libselinux1 libstdc++6 libzstd1 linux-libc-dev make mawk sed zlib1g'

# From what a workspace has fetched, else as a Debian source.
zlib_source() {
	sum=$(sed -n 's/^ *sha256: *//p' "$top/recipes/zlib/recipe.yaml" | head -n 1)
	blob=$filled/blobs/$(echo "$sum" | cut -c1-2)/$sum
	if [ -r "$blob" ]; then
		cp "$blob" "$S/zlib.tar"
		return
	fi
	mkdir -p "$S/ws-fetch" && cp -a "$top/kiln.yaml" "$top/recipes" "$top/bootstrap" "$S/ws-fetch/" &&
		KILN_STORE=$S/fetched "$kiln" -C "$S/ws-fetch" fetch zlib >"$S/try" 2>&1 &&
		cp "$S/fetched/blobs/$(echo "$sum" | cut -c1-2)/$sum" "$S/zlib.tar"
}

build_script() {
	cat <<-'END'
		export CC=gcc CFLAGS=-O2
		./configure >configure.out 2>&1 || { tail -n 3 configure.out configure.log >&2; exit 1; }
		make >make.out 2>&1
		times
	END
}

seconds() { # seconds SERIES: the lines of `times`, summed, as microseconds
	grep -E '^[0-9]+m[0-9.]+s [0-9]+m[0-9.]+s$' | tr 'ms' '  ' | awk -v s="$1" '
		{ t += $1 * 60 + $2 + $3 * 60 + $4; n++ } END { if (n == 2) printf "%s %.0f\n", s, t * 1e6; exit n != 2 }'
}

plain_build() { # in the merged trees; /build is a directory of the same file system
	rm -rf "$S/merged/build" && mkdir "$S/merged/build" &&
		tar -C "$S/merged/build" --strip-components=1 -xf "$S/zlib.tar" &&
		cp "$S/script" "$S/merged/script" &&
		env -i PATH=/usr/bin:/bin HOME=/build LC_ALL=C.UTF-8 "$(command -v chroot)" "$S/merged" \
			/bin/sh -c 'cd /build && exec /bin/sh -e /script'
}

one_build() { # one_build SERIES COMMAND...: the first round does not count
	series=$1
	shift
	if ! "$@" >"$S/log" 2>"$S/try" || ! seconds "$series" <"$S/log" >"$S/one"; then
		miss "$series" "the build failed: $(tail -n 1 "$S/try")"
	elif [ "$i" != 0 ]; then
		cat "$S/one" >>"$S/samples"
	fi
}

merge_trees() { # merge_trees NAME...
	mkdir -p "$S/merged/etc" "$S/merged/tmp" "$S/merged/dev"
	for d in bin sbin lib lib64; do
		mkdir -p "$S/merged/usr/$d" && ln -s "usr/$d" "$S/merged/$d"
	done
	for p; do
		cp -a "$S/pkg/$p/." "$S/merged/"
	done
	mknod -m 666 "$S/merged/dev/null" c 1 3
}

section_zlib() {
	if [ "$(id -u)" != 0 ]; then
		miss zlib-plain "chroot needs root"
		return
	fi
	if ! zlib_source; then
		miss zlib-chamber "no zlib source: $(tail -n 1 "$S/try")"
		return
	fi
	build_script >"$S/script"
	set --
	for p in $toolchain; do
		dpkg-query -W "$p" >/dev/null 2>&1 || continue
		copy_package "$p"
		"$tools/job" "$S/store" tree "$p" "$S/pkg/$p" || return
		set -- "$@" "$p"
	done
	merge_trees "$@"
	fact "zlib: configure && make, $# trees in the environment, plain directory on the disk of the store"
	i=0
	while [ $i -le "$builds" ]; do
		one_build zlib-chamber "$tools/job" "$S/store" run "$S/zlib.tar" "$S/script" "$@"
		one_build zlib-plain plain_build
		one_build zlib-traced "$tools/job" "$S/store" trace "$S/zlib.tar" "$S/script" "$@"
		i=$((i + 1))
	done
}
