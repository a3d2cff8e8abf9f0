#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What falls to packages of its own: documents, translations, and what debuggers want to know, which gdb finds by
# build id and which is the same wherever it was built.
set -u
. "$(dirname "$0")/workspace.sh"
recipe() { # recipe LINK-FLAGS
	mkdir -p ws/recipes/words
	cat >ws/recipes/words/recipe.yaml <<E
format: 1
name: words
version: 1.0
license: MIT
epoch: 2026-01-01
summary: Words $salt
build:
  debuginfo: true
  steps:
    - name: install
      run: |
        mkdir -p src; cd src
        printf 'int said(int n)\n{\n\treturn n + 41;\n}\n' >said.c
        printf 'int said(int);\nint main(int argc, char **argv)\n{\n\t(void)argv;\n\treturn said(argc) != 42;\n}\n' >words.c
        gcc \$CFLAGS -fPIC -shared -Wl,-soname,libsaid.so.1 -Wl,--build-id=none $1 -o libsaid.so.1 said.c
        gcc \$CFLAGS \$LDFLAGS -o words words.c ./libsaid.so.1
        install -D -m 755 -t "\$DESTDIR/usr/bin" words
        install -D -m 755 -t "\$DESTDIR/usr/lib" libsaid.so.1
        ln "\$DESTDIR/usr/bin/words" "\$DESTDIR/usr/bin/words-too"
        install -D -m 644 words.c "\$DESTDIR/usr/share/man/man1/words.1"
        install -D -m 644 words.c "\$DESTDIR/usr/share/locale/de/LC_MESSAGES/words.mo"
splits: {doc: true, locale: true}
packages: [{name: words, files: [/usr/bin/*]}, {name: words-libs, files: [/usr/lib/lib*]}]
E
}
recipe '$LDFLAGS'
ok "built, and built again elsewhere" k build --check words
says "the same, debug files too" "1 recipe built again: 1 the same, 0 different, 0 failed"
ok "published" k publish
packages=ws/out/repo/packages
assert_eq "five packages" "words words-debuginfo words-doc words-libs words-locale " \
	"$(for p in $packages/*.rpm; do rpm -qp --nosignature --qf '%{NAME} ' "$p"; done)"
mkdir root
for p in $packages/*.rpm; do rpm2cpio "$p" | cpio -idm --quiet -D root; done
assert_eq "manuals" usr/share/man/man1/words.1 "$(rpm2cpio $packages/words-doc-*.rpm | cpio -t --quiet | sed -n 's|^\./||; /words\.1/p')"
assert_eq "translations" usr/share/locale/de/LC_MESSAGES/words.mo "$(rpm2cpio $packages/words-locale-*.rpm | cpio -t --quiet | sed -n 's|^\./||; /\.mo/p')"
for f in usr/bin/words usr/lib/libsaid.so.1; do
	id=$(readelf -n root/$f | sed -n 's/^.*Build ID: *//p')
	debug=root/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug
	assert_eq "$f: its debug file is named by its build id" yes "$([ -s "$debug" ] && echo yes)"
	assert_eq "$f: and has the same" "$id" "$(readelf -n "$debug" | sed -n 's/^.*Build ID: *//p')"
	assert_eq "$f: nothing of it is left in the file" 0 "$(readelf -SW root/$f 2>/dev/null | grep -c -e '\.debug_' -e '\.symtab')"
	assert_contains "$f: which names it" "${debug##*/}" "$(readelf --string-dump=.gnu_debuglink root/$f)"
	assert_eq "$f: no path of the build is in it" 0 "$(grep -c /build/ "$debug")"
done
if command -v gdb >/dev/null; then
	g() { gdb -nx -batch -iex "set debug-file-directory $scratch/root/usr/lib/debug" "$@" 2>&1; }
	assert_contains "gdb finds lines of the source" 'of "said.c" starts at address' "$(g -ex 'info line said' root/usr/lib/libsaid.so.1)"
	assert_contains "and variables" "Symbol argc is" "$(g -ex 'info scope main' root/usr/bin/words)"
	assert_contains "of a place that every machine may have" "/usr/src/debug/words-1.0" "$(g -ex 'info sources' root/usr/bin/words)"
else
	skip gdb "what gdb makes of the debug files"
fi
recipe ''
refused "a library without build id" 1 "step 'debuginfo' exited 1" k build words
said "is named" "/usr/lib/libsaid.so.1 has no build id: it was linked without"
finish
