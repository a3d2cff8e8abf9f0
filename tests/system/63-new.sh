#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A first recipe for real source archives: what is told of them is right, lint takes it or says what
# is left to do, one is built from it in a chamber, and nothing that exists is touched.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
export KILN_STORE
KILN_KEYS=$scratch/keys
export KILN_KEYS
cd "$scratch" || exit 2
tars=$PWD/tars
mkdir -p ws/recipes ws/bootstrap "$tars"
cp "$top/kiln.yaml" ws/
cp "$top"/bootstrap/seed.yaml "$top"/bootstrap/seed.lock ws/bootstrap/
ok "development keys" "$kiln" -C ws key init
tar_of() { # tar_of RECIPE FILE: a source that the store holds, under the name it had
	sum=$(sed -n 's/^    sha256: //p' "$top/recipes/$1/recipe.yaml" | head -1)
	cp "$KILN_STORE/blobs/$(printf %.2s "$sum")/$sum" "tars/$2"
}
recipe() { cat "ws/recipes/$1/recipe.yaml"; }

# A hand-written configure, a known licence: nothing is left to do, and it builds as it is.
ok "the source of zlib" tar_of zlib zlib_1.2.13.dfsg.orig.tar.bz2
url=debian:pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2
ok "a dry run" "$kiln" -C ws new --dry-run --url $url zlib "$tars"/zlib_1.2.13.dfsg.orig.tar.bz2
says "prints the recipe" "license: Zlib"
same "and writes none" "$(ls ws/recipes)" ""
ok "new" "$kiln" -C ws new --url $url zlib "$tars"/zlib_1.2.13.dfsg.orig.tar.bz2
says "says what it wrote" "recipes/zlib/recipe.yaml: version 1.2.13, built by autotools"
text=$(recipe zlib)
for line in 'version: "1.2.13"' 'summary: Zlib compression library' 'license: Zlib' \
	'  - url: "debian:pool/main/z/zlib/zlib_{version}.dfsg.orig.tar.bz2"' \
	"    sha256: $(sha256sum tars/zlib_* | cut -d' ' -f1)" 'update: {from: debian, repo: zlib}'; do
	assert_line "the recipe says $line" "$line" "$text"
done
refused "again" 1 "recipes/zlib/recipe.yaml exists" "$kiln" -C ws new --url $url zlib "$tars"/zlib_1.2.13.dfsg.orig.tar.bz2
same "it was not touched" "$(recipe zlib)" "$text"
ok "lint" "$kiln" -C ws lint
ok "it builds in a chamber, with its suite" "$kiln" -C ws build zlib
says "as it is" "1 built"

# autoconf and libtool, a licence that no digest tells: lint says what to do, and then takes it.
ok "the source of file" tar_of file file_5.44.orig.tar.gz
ok "new, of a file that is nowhere else" "$kiln" -C ws new file "$tars"/file_5.44.orig.tar.gz
assert_contains "says what a person has to do" "its licence is not one that can be told" "$(cat "$scratch/err")"
text=$(recipe file)
assert_line "the archive is beside the recipe" '  - url: "file:file_{version}.orig.tar.gz"' "$text"
same "and is the archive" "$(sha256sum <ws/recipes/file/file_5.44.orig.tar.gz)" "$(sha256sum <tars/file_5.44.orig.tar.gz)"
assert_contains "what was seen is said" "# COPYING: not one that is known; 36 source files: BSD, in words" "$text"
assert_contains "libtool's files go" "-name '*.la' -delete" "$text"
line=$(grep -n '^license:' ws/recipes/file/recipe.yaml | cut -d: -f1)
refused "lint refuses, with the remedy" 1 "recipes/file/recipe.yaml:$line:10: 'license': \`kiln new\` could not tell it: read the licence files of the source and write their SPDX expression" "$kiln" -C ws lint
sed -i 's/^license: .*/license: BSD-2-Clause/' ws/recipes/file/recipe.yaml
ok "and takes it after" "$kiln" -C ws lint

# A makefile, no directory around it.
ok "the source of tzdata" tar_of tzdata tzdata_2026b.orig.tar.gz
ok "new, as JSON" "$kiln" -C ws new --json tzdata "$tars"/tzdata_2026b.orig.tar.gz
says "the system" '"system":"make"'
says "the version" '"version":"2026b"'
assert_line "nothing is stripped" "    strip: 0" "$(recipe tzdata)"
sed -i 's/^license: .*/license: LicenseRef-Public-Domain/' ws/recipes/tzdata/recipe.yaml
ok "lint takes it" "$kiln" -C ws lint

# A tool that the ground does not have is named, and lint knows that nobody makes it.
ok "zlib by its other build system" "$kiln" -C ws new --system cmake --url $url other "$tars"/zlib_1.2.13.dfsg.orig.tar.bz2
assert_contains "the tool is missing" "it needs 'cmake', which no recipe of this stage makes" "$(cat "$scratch/err")"
refused "for lint, too" 1 "recipe 'other' needs 'cmake', which no recipe makes" "$kiln" -C ws lint

# Whoever reads the recipe sees its address alone: one that does not end as an archive's does.
ok "an address without a suffix" "$kiln" -C ws new --dry-run --url https://example.org/get/1.2.13 plain "$tars"/zlib_1.2.13.dfsg.orig.tar.bz2
says "is unpacked" "    unpack: true"

# What cannot be.
refused "a system that nobody knows" 2 "--system is autotools, cmake, meson, make, python or perl, not 'ant'" "$kiln" -C ws new --system ant x "$tars"/zlib_1.2.13.dfsg.orig.tar.bz2
refused "one that it has not" 1 "nothing in it is built by perl" "$kiln" -C ws new --system perl x "$tars"/zlib_1.2.13.dfsg.orig.tar.bz2
cp tars/tzdata_2026b.orig.tar.gz tars/data.tar.gz
refused "no version" 1 "no version can be told from its name" "$kiln" -C ws new x "$tars"/data.tar.gz
ok "but it can be said" "$kiln" -C ws new --dry-run --version 2026.2 x "$tars"/data.tar.gz
refused "a name with a slash" 2 "a recipe's name must be" "$kiln" -C ws new ../x "$tars"/tzdata_2026b.orig.tar.gz
head -c 3000 /dev/urandom >tars/noise-1.tar.gz
refused "noise" 1 "noise-1.tar.gz: archive: " "$kiln" -C ws new x "$tars"/noise-1.tar.gz
mkdir -p evil-1
echo all: >"evil-1/Makefile"
tar -cf tars/evil-1.tar --transform 's,^evil-1,../evil-1,' -P evil-1
refused "a name that leads out" 1 "'..' in its name" "$kiln" -C ws new x "$tars"/evil-1.tar
same "of all these nothing is written" "$(ls ws/recipes | tr '\n' ' ')" "file other tzdata zlib "

# By its address.
rm -r ws/recipes/other
lz4=debian:pool/main/l/lz4/lz4_1.9.4.orig.tar.gz
reaches() ( # whether apt itself gets something: then so must we
	mkdir apt && cd apt && apt-get download liblz4-1 >/dev/null 2>&1
)
if reaches; then
	ok "an address of the archive is fetched" "$kiln" -C ws new lz4 $lz4
	assert_line "and is what the recipe names" '  - url: "debian:pool/main/l/lz4/lz4_{version}.orig.tar.gz"' "$(recipe lz4)"
	assert_line "two licences are told, and none is guessed" "license: UNDETERMINED" "$(recipe lz4)"
	assert_contains "with both" "15 source files: GPL-2.0-or-later" "$(recipe lz4)"
	sed -i 's/^license: .*/license: BSD-2-Clause AND GPL-2.0-or-later/' ws/recipes/lz4/recipe.yaml
	ok "lint" "$kiln" -C ws lint
else
	skip network "an address of the archive is fetched"
fi
done_testing
