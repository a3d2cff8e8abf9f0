#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Build twice: what depends on where, by whom or with how many processors it was built is found by
# `kiln build --check`, which names package, file and first byte; what does not, passes.
set -u
. "$(dirname "$0")/workspace.sh"
recipe() { # recipe NAME COMMANDS [MORE]: what it installs is called /usr/share/NAME
	mkdir -p "ws/recipes/$1"
	echo "words $salt" >"ws/recipes/$1/words"
	cat >"ws/recipes/$1/recipe.yaml" <<E
format: 1
name: $1
version: 1.0
license: MIT
epoch: 2026-01-01
summary: Words
sources: [{url: "file:words", sha256: $(echo "words $salt" | sha256sum | cut -d' ' -f1), into: deep}]
build:
  env: {WHERE: "-fmap={build}=."}
  steps:
    - name: install
      run: |
        mkdir -p "\$DESTDIR/usr/share"
        out="\$DESTDIR/usr/share/$1"
        $2
${3:-}
E
}
recipe same 'cp words "$out"; cat /build/deep/words >>"$out"; echo "${WHERE%=*}" | cut -c1-7 >>"$out"'
recipe path 'pwd >"$out"'
recipe mapped 'echo "$WHERE" >"$out"'
recipe user 'id -u >"$out"'
recipe cpus 'nproc >"$out"'
recipe jobs 'echo "0123456789 $JOBS" >"$out"'
recipe chance 'od -An -N16 -tx1 /dev/urandom >"$out"'
recipe clock 'date +%s%N >"$out"'
recipe address "grep -m1 '\\[stack\\]' /proc/self/maps | cut -d- -f1 >\"\$out\""
recipe moving 'echo "${HOME}" >"$DESTDIR/usr/share/moving-$JOBS"'
recipe mode 'echo x >"$out"; [ "$JOBS" = 2 ] || chmod 755 "$out"'
recipe link 'ln -s "of-$JOBS" "$out"; echo x >"$out-x"'
recipe needing "printf 'Name: x\\nDescription: x\\nVersion: %s\\n' \"\$JOBS\" >x.pc; install -D -m 644 x.pc \"\$DESTDIR/usr/lib/pkgconfig/needing.pc\""
recipe alone '[ "$(id -u)" = 1000 ] || { echo cannot be elsewhere; exit 1; }; echo x >"$out"'

ok "what varies in nothing" k build --check same
says "is the same" "1 recipe built again: 1 the same, 0 different, 0 failed"
refused "a build that knows where it is" 4 "1 of 1 recipes did not come out the same" k build --check path
said "is told of by package, file, and byte" "differs  path: package path: /usr/share/path differs at byte 7 (0x64, then 0x65)"
ok "and is built all the same" k build path
says "once" "nothing to build"
verdict() { # verdict PACKAGE: what the last one that is remembered of any package built from these words says
	for ref in "$KILN_STORE"/refs/verdict/twice-*; do
		b=$(jq -r .bundle "$ref") && statement_in "$KILN_STORE/blobs/$(echo "$b" | cut -c1-2)/$b" >statement
		[ "$(jq -r '.subject[0].name' statement)" = "$1-1.0-1.x86_64.rpm" ] && [ "$ref" -nt kiln-began ] || continue
		jq -r '"\(.predicate.result) \(.predicate.configuration[].name)"' statement | tr '\n' ' '
	done
}
touch -d '-1 second' kiln-began
k build --check same path >/dev/null 2>&1
assert_eq "that it is the same is signed, with the walls of the second chamber" "PASSED action.json PASSED record.json " "$(verdict same)"
assert_eq "that it is not is, too" "FAILED action.json FAILED record.json " "$(verdict path)"
log=$(cat "$KILN_KEYS/log/checkpoint")
k build --check same path >/dev/null 2>&1
assert_eq "the same verdict is logged once" "$log" "$(cat "$KILN_KEYS/log/checkpoint")"
mkdir aside && for r in ws/recipes/*; do case ${r##*/} in same | path) ;; *) mv "$r" aside/ ;; esac; done
ok "the two alone" k build
ok "a repository of both" k publish
printf 'format: 1\nbuilt_twice: required\n' >policy.yaml
assert_eq "says of the one that it comes out the same" yes "$([ -s ws/out/repo/packages/same-1.0-1.x86_64.rpm.twice.sigstore.json ] && echo yes)"
refused "a policy that demands it refuses the other" 3 "path-1.0-1.x86_64.rpm: nobody says that it comes out the same" k verify --policy ../policy.yaml out/repo
ok "the one alone satisfies it" k verify --policy ../policy.yaml out/repo/packages/same-1.0-1.x86_64.rpm
cp -a aside/* ws/recipes/
k build --check >all 2>all.err
assert_eq "all at once: some differ" 4 $?
for n in mapped user cpus jobs chance clock address moving mode link needing; do
	assert_contains "$n is caught" "differs  $n: package $n" "$(cat all.err)"
done
assert_contains "the user's number" "/usr/share/user differs at byte 0 (0x31, then 0x32)" "$(cat all.err)"
assert_contains "the number of jobs" "/usr/share/jobs differs at byte 11 (0x32, then 0x31)" "$(cat all.err)"
assert_contains "another name" "/usr/share/moving-1 is there in the second build only" "$(cat all.err)"
assert_contains "another mode" "/usr/share/mode has mode 0644, then 0755" "$(cat all.err)"
assert_contains "another link" "/usr/share/link leads to 'of-2', then 'of-1'" "$(cat all.err)"
assert_contains "another tag of the header" "it provides 'pkgconfig(needing) = 2', then 'pkgconfig(needing) = 1'" "$(cat all.err)"
assert_contains "what cannot be built elsewhere" "failed elsewhere: alone: step 'install' exited 1" "$(cat all.err)"
assert_contains "shows its log" "cannot be elsewhere" "$(cat all.err)"
assert_contains "what is the same" "checked  same: the same packages, byte by byte" "$(cat all.err)"
assert_contains "the sum" "14 recipes built again: 1 the same, 12 different, 1 failed" "$(cat all)"
k build --check --json same user >stream 2>/dev/null
assert_contains "the stream names differences" '"difference":"package user: /usr/share/user differs' "$(cat stream)"
assert_contains "and sums up" '{"checked":2,"different":1,"event":"check","failed":0}' "$(tail -n 1 stream)"
ok "a check needs nothing but what is asked for" k build --check same
recipe user 'id -u >"$out"'
sed -i '/^build:/a\  needs: [alone]' ws/recipes/user/recipe.yaml
k build --check alone user >all 2>all.err
assert_eq "what needs a recipe that cannot be built elsewhere" 4 $?
assert_contains "is checked all the same" "2 recipes built again: 0 the same, 1 different, 1 failed" "$(cat all)"

# What a stage has every build run last sees what the build installed, and is part of its key.
rm -rf ws/recipes/* && recipe last 'echo "words" >"$out"'
last_step() {
	printf 'format: 1\ndefault: one\nstages:\n  - {name: one, recipes: recipes, finish: [{name: %s, run: "%s"}]}\n' "$1" "$2" >ws/bootstrap/stages.yaml
}
last_step add 'echo finished >>$DESTDIR/usr/share/last'
ok "a stage with a last step" k build --check last
k publish >/dev/null 2>&1
assert_eq "adds to what is packaged" "words finished" "$(rpm2cpio ws/out/repo/packages/last-1.0-1.x86_64.rpm | cpio -i --quiet --to-stdout ./usr/share/last | tr '\n' ' ' | sed 's/ $//')"
last_step spoil 'exit 3'
refused "another last step is another build" 1 "step 'spoil' exited 3" k build last
said "whose place is told" "at bootstrap/stages.yaml:4"

# What a stage says in one list is not what it says in another, though the words be the same.
printf 'format: 1\ndefault: one\nstages:\n  - {name: one, recipes: recipes, env: {LAST: "echo x"}}\n' >ws/bootstrap/stages.yaml
ok "a stage with a variable" k build last
last_step LAST 'echo x'
ok "that becomes a last step" k build last
says "is another build" "1 built"
done_testing
