#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `kiln selftest`: every attack of the product's own suite held, as root and as an ordinary user with
# one outcome; nothing is left behind; it refuses where no chamber can stand. And docs/chamber.md
# knows every wall that a run reports and every group of attacks.
. "$(dirname "$0")/lib.sh"

ORDINARY=65533
KILN=$SCRATCH/kiln
CHAMBER_MD=$(cd "$(dirname "$0")/../.." && pwd)/docs/chamber.md
cp "$KILN_BUILD/kiln" "$KILN" && chmod 755 "$KILN" || exit 2

as() { # as WHO COMMAND...
	who=$1
	shift
	if [ "$who" = ordinary ]; then
		setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups -- "$@"
	else
		"$@"
	fi
}

suite() {
	WHO=$1
	mkdir "$SCRATCH/$WHO"
	[ "$WHO" = ordinary ] && chown $ORDINARY:$ORDINARY "$SCRATCH/$WHO"
	cd / || exit 2
	TMPDIR=$SCRATCH/$WHO as "$WHO" "$KILN" selftest --json >"$SCRATCH/$WHO.json" 2>"$SCRATCH/$WHO.err"
	assert_eq "$WHO: every wall held (needs no workspace)" 0 $?
	python3 - "$SCRATCH/$WHO.json" "$SCRATCH/$WHO.txt" >"$SCRATCH/$WHO.facts" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
out = open(sys.argv[2], "w")
for a in d["attacks"]:
    out.write("attack %s %s %s %d %s\n" % (a["attack"], a["wall"].replace(" ", "_"), a["got"].replace(" ", "_"), a["group"], a["held"]))
for w in d["walls"]:
    print("wall %s" % w["name"])
print("held %s" % d["held"])
print("tried %d" % d["tried"])
print("names %d" % len(set(a["attack"] for a in d["attacks"] if a["group"])))
print("not held: %s" % " ".join(a["attack"] for a in d["attacks"] if not a["held"]))
print("groups %s" % " ".join(str(g) for g in sorted(set(a["group"] for a in d["attacks"]))))
print("attacked %s" % "|".join(sorted(set(a["wall"] for a in d["attacks"]))))
END
	[ -s "$SCRATCH/$WHO.txt" ] || cat "$SCRATCH/$WHO.err"
	assert_eq "$WHO: it leaves nothing behind" '' "$(ls -A "$SCRATCH/$WHO")"
}

judge() {
	facts=$(cat "$SCRATCH/$1.facts")
	assert_contains "$1: it says so" 'held True' "$facts"
	assert_contains "$1: nothing is listed as open" 'not held: 
' "$facts
"
	tried=$(printf '%s\n' "$facts" | sed -n 's/^names //p')
	assert_below "$1: at least 120 distinct attacks (there are $tried)" "${tried:-0}" 119
}

documented() {
	for wall in $(printf '%s\n' "$facts" | sed -n 's/^wall //p' | tr ' ' '+') \
		$(printf '%s\n' "$facts" | sed -n 's/^attacked //p' | tr ' |' '+ '); do
		wall=$(echo "$wall" | tr '+' ' ')
		grep -q "^###.*\`$wall\`" "$CHAMBER_MD" || undocumented="${undocumented:-}$wall, "
	done
	assert_eq "docs/chamber.md has a section for every wall" '' "${undocumented:-}"
	groups=" $(printf '%s\n' "$facts" | sed -n 's/^groups //p') "
	for n in $(seq 1 30); do
		line=$(grep "^| $n |" "$CHAMBER_MD")
		[ -n "$line" ] || bad="${bad:-}group $n is missing; "
		case "$line" in
		*'selftest: '*)
			case "$groups" in *" $n "*) ;; *) bad="${bad:-}group $n has no attack in selftest; " ;; esac
			;;
		esac
		for script in $(printf '%s\n' "$line" | grep -oE 'tests/[a-z0-9/_-]+\.(sh|c)'); do
			[ -e "$(dirname "$CHAMBER_MD")/../$script" ] || bad="${bad:-}$script is not there; "
		done
	done
	assert_eq "docs/chamber.md maps all 30 groups to tests or a reason" '' "${bad:-}"
}

refusals() {
	log=$(cd / && unshare -Ur sh -c "echo 1 >/proc/sys/user/max_user_namespaces &&
		TMPDIR='$SCRATCH' exec unshare -U --map-user=$ORDINARY --map-group=$ORDINARY '$KILN' selftest" 2>&1)
	assert_eq "without user namespaces it exits 1" 1 $?
	assert_contains "naming the remedy" 'sysctl user.max_user_namespaces' "$log"
	log=$("$KILN_BUILD/tests/talk" blind "$KILN" selftest 2>&1)
	assert_eq "under a host's own listener it holds" 0 $?
	assert_contains "and says that uname cannot be fixed there" 'uname_told uname refused held' \
		"$(printf '%s\n' "$log" | tr -s ' ')"
	"$KILN" selftest --jsom >"$SCRATCH/usage" 2>&1
	assert_eq "a bad option is exit 2" 2 $?
}

outside() {
	bad=$(KILN_PROBE=1 "$KILN_BUILD/tests/probe" do_reboot 2>&1)
	assert_eq "the attack program refuses to run outside (marker alone)" 3 $?
	assert_contains "and says why" 'not a chamber' "$bad"
	assert_eq "and prints its table there" yes \
		"$([ "$("$KILN_BUILD/tests/probe" --list | wc -l)" -ge 120 ] && echo yes)"
}

suite_all() {
	suite_one root
	suite_one ordinary
	assert_eq "root and an ordinary user see one outcome" "$(cat "$SCRATCH/root.txt")" \
		"$(cat "$SCRATCH/ordinary.txt")"
}

suite_one() {
	suite "$1"
	judge "$1"
}

if [ "$(id -u)" = 0 ]; then
	suite_all
else
	suite_one "$(id -un)"
fi
documented
refusals
outside
finish
