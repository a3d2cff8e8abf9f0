#!/bin/sh
# Names: every external symbol of foo.o is foo_*; sandbox_mount.o may define sandbox_*. Stems that
# libraries export are forbidden, because a symbol of ours would capture a library's own calls.
# usage: mk/symbols.sh FILE.o...
set -u
rc=0
forbidden=' repo pool solver solvable queue map transaction selection policy dirpool stringpool repodata dataiterator testcase solv archive seccomp yaml header '
for o; do
	s=$(basename "$o" .o)
	case "$forbidden" in *" $s "*) echo "$o: the stem $s belongs to a library"; rc=1 ;; esac
	nm -g --defined-only "$o" | awk -v h="${s%%_*}" -v s="$s" -v o="$o" '
		NF == 3 && $3 != "main" && $3 != s && index($3, h "_") != 1 && $3 !~ /^__/ {
			print o ": " $3 " lacks the prefix " h "_"; bad = 1 }
		END { exit bad }' || rc=1
done
exit $rc
