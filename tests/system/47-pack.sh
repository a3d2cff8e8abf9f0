#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The process that has packages made, and its children, which read what a build left: what they may not
# have they do not have, a package has a child of its own, and one that dies takes nothing with it.
set -u
. "$(dirname "$0")/small.sh"
recipe large <<'END'
mkdir -p "$DESTDIR/usr/share/large"
head -c 400000000 /dev/urandom >"$DESTDIR/usr/share/large/file"
END
recipe small <<'END'
mkdir -p "$DESTDIR/usr/share/small"
END
recipe after <<'END'
sleep 3
mkdir -p "$DESTDIR/usr/share/after"
END
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
owner=$(stat -c %u "$KILN_STORE")
"$kiln" -C ws build -j 2 --keep-going </dev/null >out 2>err &
pid=$!
child=
until [ -n "$child" ] || ! kill -0 $pid 2>/dev/null; do
	packer=$(pgrep -P $pid -x kiln-pack)
	[ -z "$packer" ] || child=$(pgrep -P "$packer" -x kiln-pack | head -n 1)
	# The small one is over in a moment; the large one stays.
	sleep 0.2
	[ -z "$child" ] || kill -0 "$child" 2>/dev/null || child=
done
for p in packer child; do
	eval "at=\$$p"
	same "$p: no new privileges" "$(status "$at" NoNewPrivs)" 1
	same "$p: not root" "$(status "$at" Uid | tr '\t' ' ')" "$owner $owner $owner $owner"
	same "$p: no capability" "$(status "$at" CapEff) $(status "$at" CapPrm)" "0000000000000000 0000000000000000"
	same "$p: belongs to nobody who could look into it" "$(stat -c %u "/proc/$at/environ")" 0
done
if [ "$(id -u)" = 0 ]; then # nobody else may look
	# 0 to 2, socket, store, and a pipe for each child.
	same "the process holds its socket and the store" "$(ls "/proc/$packer/fd" | wc -l)" \
		"$((5 + $(ls -l "/proc/$packer/fd" | grep -c pipe:)))"
	same "a child does not reach its socket" "$(find "/proc/$child/fd" -lname 'socket:*' | wc -l)" 0
fi
kill -9 "$child"
wait $pid
same "what was made by a child that was killed has failed" $? 1
assert_contains "it says how the child ended" "ended with 137" "$(cat err)"
same "others are built, before and after" "$(grep -c ' done  ' err)" 2
same "the process ended with the run" "$(kill -0 "$packer" 2>&1 | grep -c 'No such')" 1
done_testing
