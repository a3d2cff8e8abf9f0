#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The audit. Programs and libraries are compiled with everything on, and then once more for each demand
# with that alone switched off: each must miss exactly its own. What readelf says of these, and of
# programs of this machine, is compared check by check. Exceptions, strict builds, scores.
set -u
. "$(dirname "$0")/workspace.sh"
for tool in gcc readelf python3; do
	command -v $tool >/dev/null || { skip $tool "the audit against $tool"; finish; }
done
mkdir elf

# ---- ELF files ----
cat >code.h <<'C'
#include <stdio.h>
#include <string.h>
int copy(char *to, const char *from);
#define F(n) int f##n(const char *s) { char b[80]; snprintf(b, sizeof(b), "%s %d", s, n); return copy(b, s) + b[n % 40]; }
#define T(n) F(n##0) F(n##1) F(n##2) F(n##3) F(n##4) F(n##5) F(n##6) F(n##7) F(n##8) F(n##9)
T(1) T(2) T(3) T(4) T(5) T(6) T(7) T(8) T(9) T(10) T(11) T(12)
int copy(char *to, const char *from) { return (int)strlen(from) + to[0]; }
C
{ echo '#include "code.h"'; printf '%s\n' 'int main(int n, char **v) { printf("%d\n", n); return f10(v[0]); }'; } >program.c
echo '#include "code.h"' >library.c
printf '%s\n' '__asm__(".section .wx,\"awx\",@progbits\n.byte 0xc3\n.previous");' >wx.c
printf '%s\n' '__asm__(".text\n.quad copy\n");' >textrel.c
C='-O2 -fstack-protector-strong -fcf-protection=full -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'
L='-Wl,-z,relro,-z,now,-z,noexecstack,-z,ibt,-z,shstk'
prog() { gcc $C -fPIE -pie $L program.c -o "elf/$1" $2 2>>gcc.log || echo "# gcc: $1"; }
lib() { gcc $C -fPIC -shared $L library.c -o "elf/$1" $2 2>>gcc.log || echo "# gcc: $1"; }
prog good ""
prog static "-static-pie"
prog miss-pie "-no-pie -fno-PIE"
prog miss-relro "-Wl,-z,norelro"
prog miss-bind_now "-Wl,-z,lazy"
prog miss-noexecstack "-Wl,-z,execstack"
prog miss-stack_protector "-fno-stack-protector"
prog miss-fortify "-U_FORTIFY_SOURCE"
prog miss-rpath "-Wl,-rpath,/opt/elsewhere"
prog miss-wx wx.c
prog miss-textrel "textrel.c -Wl,-z,notext"
gcc $C -fPIE -pie -Wl,-z,relro,-z,now,-z,noexecstack program.c -o elf/miss-cet
lib libgood.so.1 "-Wl,-soname,libgood.so.1"
lib libgood-2.4.so "-Wl,-soname,libgood-2.4.so"
lib libmiss-soname.so.1 ""
lib libmiss-soname-plain.so "-Wl,-soname,libmiss-soname-plain.so"
lib plugin.so ""
printf '.text\nnop\n' >bare.s && as -o elf/bare.o bare.s
gcc $C -fPIC -c library.c -o elf/good.o
head -c 3000 elf/good >elf/miss-elf
printf 'int main(void) { return 0; }\n' | gcc -g -x c - -o with-debug && objcopy --only-keep-debug with-debug elf/good.debug
assert_eq "every kind of file is there" 21 "$(ls elf | wc -l)"
n=0
for f in /usr/bin/ls /usr/bin/bash /usr/bin/ld.bfd /usr/bin/as /usr/bin/gcc-12 /usr/bin/gdb /usr/bin/git /usr/bin/python3.11 \
	/usr/bin/perl /usr/bin/make /usr/bin/openssl /usr/bin/curl /usr/bin/sed /usr/bin/tar /usr/bin/xz /usr/bin/getent /usr/bin/localedef \
	/usr/bin/ssh /usr/lib/x86_64-linux-gnu/lib[a-z]*.so.[0-9]*; do
	[ -f "$f" ] && [ "$n" -lt 120 ] || continue
	cp -L "$f" "elf/host-$(basename "$f")" && n=$((n + 1))
done
chmod 755 elf/*

# ---- packages of them: a tree in a tarball, installed by a recipe ----
pack() { # pack RECIPE SALT: the directory tree/ becomes what the recipe installs
	mkdir -p "ws/recipes/$1"
	tar -C tree --sort=name --mtime=@1 --owner=0 --group=0 -cf "ws/recipes/$1/tree.tar" .
	sum=$(sha256sum <"ws/recipes/$1/tree.tar" | cut -d' ' -f1)
	{
		printf 'format: 1\nname: %s\nversion: 1.0\nlicense: MIT\nepoch: 2026-01-01\nsummary: Words\n' "$1"
		printf 'sources: [{url: "file:tree.tar", sha256: %s, strip: 0}]\nbuild:\n' "$sum"
		printf '  steps: [{name: install, run: "cp -a . \\"$DESTDIR\\" # %s"}]\n' "$2"
		cat
	} >"ws/recipes/$1/recipe.yaml"
}
mkdir -p tree/usr/bin tree/usr/lib/plugins tree/usr/lib/debug tree/usr/share/licenses/elves
cp elf/* tree/usr/bin/
mv tree/usr/bin/*lib*.so* tree/usr/bin/*.o tree/usr/lib/
mv tree/usr/bin/plugin.so tree/usr/lib/plugins/
mv tree/usr/bin/good.debug tree/usr/lib/debug/
echo words >tree/usr/share/licenses/elves/COPYING
echo 'prefix=/build/src/here' >tree/usr/lib/miss-path
echo 'prefix=/usr/build/fine:../build/fine' >tree/usr/lib/fine-path
{ head -c 65530 /dev/zero; echo '/build/src/over a border'; } >tree/usr/lib/miss-path-border
pack elves "$salt" </dev/null
rm -rf tree && mkdir -p tree/usr/share && echo 1 >tree/usr/share/plain
pack plain "$salt" </dev/null
ok "packages of them are built" k build
refused "an audit of them is refused" 3 "not hardened as they must be" k audit
said "with a remedy" "pie: compile with -fPIE and link with -pie"
k audit --json elves >all.json 2>/dev/null
assert_eq "and every miss is told with --json" 3 $?

# What each file misses, from our own words.
cat >misses.py <<'P'
import json, os, sys
d = json.load(open("all.json"))
by = {}
for m in d["misses"]:
    by.setdefault(os.path.basename(m.get("path", m["package"])), set()).add(m["check"])
want = {}
for f in os.listdir("elf"):
    if f.startswith("host-"): continue
    w = set()
    if "miss-" in f: w = {f.split("miss-")[1].split(".")[0].replace("soname-plain", "soname")}
    if f == "bare.o": w = {"noexecstack", "cet"}
    want[f] = w
want["miss-path"] = want["miss-path-border"] = {"build_path"}
want["fine-path"] = set()
bad = [(f, sorted(w), sorted(by.get(f, set()))) for f, w in sorted(want.items()) if by.get(f, set()) != w]
for b in bad: print("%s: wanted %s, got %s" % b)
print(len(want), "judged")
P
assert_eq "each misses exactly what was switched off" "24 judged" "$(python3 misses.py)"

# The same by readelf, which knows nothing of us.
cat >judge.py <<'P'
import json, os, re, subprocess
d = json.load(open("all.json"))
ours = {}
for m in d["misses"]:
    ours.setdefault(os.path.basename(m.get("path", "")), set()).add(m["check"])
def readelf(f, *o): return subprocess.run(["readelf", "-W", *o, "elf/" + f], capture_output=True, text=True, errors="replace").stdout
checked = bad = 0
for f in sorted(os.listdir("elf")):
    if f.endswith((".o", ".debug")) or f == "miss-elf": continue
    head, segs, dyn, notes, syms = (readelf(f, o) for o in ("-h", "-l", "-d", "-n", "--dyn-syms"))
    names = set(re.findall(r"UND (\w+)", syms))
    got = ours.get(f, set())
    want = {
        "pie": "Type:                              EXEC" in head,
        "relro": "GNU_RELRO" not in segs,
        "bind_now": "(JMPREL)" in dyn and not re.search(r"\(FLAGS(_1)?\).*\bNOW|BIND_NOW", dyn),
        "noexecstack": not re.search(r"GNU_STACK.* RW ", segs),
        "cet": not re.search(r"x86 feature: IBT, SHSTK", notes),
        "rpath": bool(re.search(r"\((RPATH|RUNPATH)\)", dyn)),
        "textrel": "TEXTREL" in dyn,
        "wx": bool(re.search(r"LOAD.* RWE ", segs)),
    }
    if "__stack_chk_fail" in names: want["stack_protector"] = False
    if any(re.fullmatch(r"__\w+_chk", n) for n in names): want["fortify"] = False
    for c, w in want.items():
        checked += 1
        if w != (c in got):
            bad += 1
            print("%s: %s: readelf says %s" % (f, c, "miss" if w else "held"))
print(checked, bad)
P
judged=$(python3 judge.py)
assert_eq "readelf agrees on every file" 0 "${judged##* }"
[ "${judged##* }" = 0 ] || printf '%s\n' "$judged" | head -n 20
assert_below "over many of them" "$(printf '%s\n' "$judged" | tail -n 1 | cut -d' ' -f1)" 400
refused "a recipe without a licence" 3 "1 things" k audit plain
says "misses it" "plain: license: no package of its source holds a licence"
k audit --table elves >table 2>/dev/null
assert_contains "the table scores each demand" "pie " "$(cat table)"
assert_eq "each in one line" 18 "$(grep -c ' %$' table)"

# ---- files and repositories ----
ok "what is amiss can be published" k publish
refused "a repository is audited" 3 "not hardened" k audit out/repo
cp table table.store
k audit --table out/repo >table 2>/dev/null
assert_eq "as well as the store" "$(grep ' %$' ws/../table)" "$(k audit --table 2>/dev/null | grep ' %$')"
refused "and so is a file, without a workspace" 3 "not hardened" "$kiln" -C / audit "$scratch/ws/out/repo/packages/plain-1.0-1.x86_64.rpm"
cp ws/out/repo/packages/plain-1.0-1.x86_64.rpm torn.rpm && truncate -s -9 torn.rpm
refused "a torn package is no package" 3 "torn.rpm" "$kiln" -C / audit "$scratch/torn.rpm"
refused "what is nothing" 1 "no recipe or package of this workspace" k audit nonesuch

# ---- exceptions and strict builds ----
rm -rf tree && mkdir -p tree/usr/bin tree/usr/share/licenses/one && echo words >tree/usr/share/licenses/one/COPYING
cp elf/miss-pie tree/usr/bin/ && cp elf/miss-rpath elf/good tree/usr/bin/
rm -rf ws/recipes/elves ws/recipes/plain
pack one "$salt" </dev/null
echo 'audit: strict' >>ws/kiln.yaml
refused "a strict build of what is not hardened" 1 "recipe one failed" k build
said "names package, file and demand" "one: /usr/bin/miss-pie: pie: runs at a fixed address"
said "all of them" "one: /usr/bin/miss-rpath: rpath: searches '/opt/elsewhere'"
said "and the remedy" "hint: compile with -fPIE and link with -pie; or declare it with a reason in build.hardening.except"
except() {
	pack one "$salt" <<E
  hardening:
    except:
      pie: {reason: $1 of old, files: [/usr/bin/miss-pie]}
      $2: it looks where it was told to
E
}
except habit rpat
refused "an exception of a check that is none" 1 "no check is called 'rpat' (did you mean 'rpath'?)" k lint
except habit rpath
ok "declared, it builds" k build
ok "and satisfies the audit" k audit
says "which counts exceptions" "2 exceptions"
assert_contains "with their reasons" '"reason":"habit of old"' "$(k audit --json)"
except mood rpath
ok "another reason" k build
says "builds nothing" "nothing to build"
cp elf/good tree/usr/bin/miss-rpath
except habit rpath
ok "an exception that nothing needs" k build
ok "is no failure" k audit
says "but told" "exception 'rpath' is needed by nothing"
ok "what was audited" k publish
assert_contains "says so in its statement" '"audit":"passed"' "$(base64 -d <<T 2>/dev/null
$(python3 -c 'import json,sys,glob; print(json.load(open(glob.glob("ws/out/repo/packages/one-*.sigstore.json")[0]))["dsseEnvelope"]["payload"])')
T
)"
key=$(sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' "$KILN_STORE/refs/last/one")
assert_contains "and the number of the rules is in its key" '"auditRules":' "$(cat "$KILN_STORE/blobs/$(printf %.2s "$key")/$key")"

# ---- several packages of one source ----
mkdir -p ws/recipes/pair
pair() { # pair SERVICE
	cat >ws/recipes/pair/recipe.yaml <<R
format: 1
name: pair
version: "1"
release: 1
license: MIT
epoch: 2026-01-01
summary: Two packages
description: $salt
build:
  steps:
    - name: install
      run: |
        mkdir -p "\$DESTDIR/usr/share/licenses/pair" "\$DESTDIR/usr/share/pair"
        echo words >"\$DESTDIR/usr/share/licenses/pair/COPYING"
        echo more >"\$DESTDIR/usr/share/pair/more"
packages:
  - {name: pair, files: [/usr/share/licenses/**]}
  - name: pair-more
    files: [/usr/share/pair/**]
    services: [{name: pair, run: $1}]
R
}
pair /build/bin/pair
refused "what a package declares is audited, too" 1 "recipe pair failed" k build pair
said "by the file it became" "pair-more: /usr/lib/systemd/system/pair.service: build_path: names /build/bin/pair"
pair /usr/bin/pair
ok "mended, it builds" k build pair
ok "a package whose sibling has the licence" k audit pair-more
says "is not without one" "0 missed"
ok "published" k publish
cp ws/out/repo/packages/pair-1-1.x86_64.rpm ws/out/repo/packages/pair-more-1-1.x86_64.rpm "$scratch/"
ok "two files of one source" "$kiln" -C / audit "$scratch/pair-more-1-1.x86_64.rpm" "$scratch/pair-1-1.x86_64.rpm"
refused "one of them without the other" 3 "1 things" "$kiln" -C / audit "$scratch/pair-more-1-1.x86_64.rpm"
done_testing
