#!/bin/sh
# Fuzzes each target with libFuzzer for SECONDS; a crash leaves its input in build/fuzz/NAME/ and fails.
# usage: mk/fuzz.sh SECONDS TARGET...
set -eu
seconds=$1
shift
mk/deps.sh dev
make --no-print-directory -j2 MODE=fuzz CC=clang-14 build/fuzz/libimages.a build/fuzz/libbuilder.a \
	build/fuzz/librepo.a build/fuzz/libtrust.a build/fuzz/libbase.a
libs=$(pkg-config --libs libsolv libsolvext rpm libarchive libzstd libseccomp libcrypto yaml-0.1 sqlite3 libcurl jansson libelf)
for t; do
	mkdir -p "build/fuzz/$t"
	clang-14 -g -O1 -D_GNU_SOURCE -std=gnu17 -I. -fsanitize=fuzzer,address,undefined "tests/fuzz/$t.c" \
		build/fuzz/libimages.a build/fuzz/libbuilder.a build/fuzz/librepo.a build/fuzz/libtrust.a \
		build/fuzz/libbase.a $libs -lrpmio -o "build/fuzz/run-$t"
	echo "== $t"
	"build/fuzz/run-$t" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/$t/crash-" "build/fuzz/$t" "tests/fuzz/corpus/${t#fuzz_}" 2>&1 | tail -n 8
done
