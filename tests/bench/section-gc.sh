# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Collecting a store of BENCH_OBJECTS (100,000) objects, of which half are needed: it takes stock of all, follows
# what the needed half names, and removes the other. Beside it find, which removes the same files and decides by
# their age alone. On the file system of TMPDIR; `gc-first` reads every needed document, later ones remember them.

target "collecting: half of a store removed, beside find -delete, wall" most gc-remove gc-find 2
target "collecting: the same, CPU" most gc-remove-cpu gc-find-cpu 2
target "a dry run, beside find that prints the size and age of each file, CPU" reported gc-dry-cpu gc-list-cpu
target "the first dry run, which reads documents, beside the next" reported gc-first-cpu gc-dry-cpu

section_gc() {
	objects=${BENCH_OBJECTS:-100000}
	mkdir -p "$S/gc/ws/recipes" "$S/gc/ws/images/catalog"
	cp "$top/kiln.yaml" "$S/gc/ws/"
	cp -a "$top/bootstrap" "$S/gc/ws/"
	export KILN_STORE="$S/gc/store" KILN_KEYS="$S/gc/keys"
	gc="$kiln -C $S/gc/ws store gc"
	old="-type f ! -newermt '30 days ago'"
	for round in $(seq "$builds"); do
		"$tools/heap" "$KILN_STORE" "$objects" && "$tools/heap" "$S/gc/peer" "$objects" marked || return 1
		[ "$round" != 1 ] || fact "store: $(find "$KILN_STORE" -type f | wc -l) files, $(du -sm "$KILN_STORE" | cut -f1) MiB, on $(stat -f -c %T "$S")"
		in_turn 0 gc-first "$gc --dry-run" || return 0
		in_turn 0 gc-dry "$gc --dry-run" \
			gc-list "find $S/gc/peer/blobs $S/gc/peer/refs -type f -printf '%p %s %T@\n'"
		in_turn 0 gc-remove "$gc" gc-find "find $S/gc/peer/blobs $S/gc/peer/refs $old -delete"
		for which in store peer; do
			(cd "$S/gc/$which" && find blobs refs/action refs/pin -type f | sort) >"$S/gc/left-$which"
		done
		if ! cmp -s "$S/gc/left-store" "$S/gc/left-peer"; then
			miss gc-remove "it left $(wc -l <"$S/gc/left-store") files, find $(wc -l <"$S/gc/left-peer")"
			return 0
		fi
		rm -rf "$KILN_STORE" "$S/gc/peer"
	done
}
