#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The newcomers' map is true: every function and file that docs/house.md, README.md and the rooms' READMEs
# name is there.
set -u
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 2

# Words in backticks of a document, one a line.
quoted() { grep -o '`[^`]*`' "$1" | tr -d '`'; }

missing=
for place in $(quoted docs/house.md | grep -E '^[a-z]+/[a-z_]+\.c:[a-z_]+$'); do
	file=${place%%:*}
	{ [ -f "$file" ] && grep -q "^${place#*:}(" "$file"; } || missing="$missing $place"
done
same "every function of the walk is where docs/house.md says" "$missing" ""
walk=$(quoted docs/house.md | grep -cE '^[a-z]+/[a-z_]+\.c:[a-z_]+$')
if [ "$walk" -ge 20 ]; then pass "the walk names its functions"; else fail "the walk names its functions" "only $walk"; fi

missing=
for doc in docs/house.md README.md; do
	for path in $(quoted "$doc" | sed 's/:.*//' | grep -E '^(base|trust|repo|builder|images|cli|docs|mk|tests)/[A-Za-z0-9_./-]*$'); do
		case "$path" in */ROOM/* | */NN-*) continue ;; esac
		[ -e "$path" ] || missing="$missing $doc:$path"
	done
done
same "every file that is named is there" "$missing" ""

missing=
for room in base trust repo builder images cli; do
	[ -f "$room/README.md" ] || missing="$missing $room"
done
same "every room has a README" "$missing" ""
for file in $(quoted cli/README.md | grep -E '^[a-z_]+\.[ch]$'); do
	if [ -f "cli/$file" ]; then pass "cli/README.md: $file"; else fail "cli/README.md: $file" "no such file"; fi
done
done_testing
