# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A repository verified from the signature of its metadata down to the seed, beside sha256sum over the same files:
# what a proof costs more than a checksum. Packages that hold next to nothing, each built with another one, so that
# nothing hides behind the hashing. Times are of the processor: company is no work.
# BENCH_PACKAGES (1000): how many of them.

target "kiln verify of a repository of 1,000 packages, beyond sha256sum of its files" more verify-all-cpu verify-sum-cpu 2000000
target "the same as the clock saw it" reported verify-all verify-sum
target "kiln verify of one small package with all it was made of" value verify-one-cpu - 30000
target "the same as the clock saw it" reported verify-one -
target "of it: kiln that starts and ends" reported verify-start-cpu -

section_verify() {
	if [ ! -d "$filled/trees" ]; then
		miss verify-all "no filled store at $filled: run make quickstart, or name one in KILN_STORE"
		return 0
	fi
	count=${BENCH_PACKAGES:-1000}
	ws=$S/verify-ws repo=$S/verify-ws/out/repo
	store_copy "$S/verify-copy" || return 1
	export KILN_STORE="$S/verify-copy" KILN_KEYS="$S/verify-keys"
	mkdir -p "$ws/recipes" "$ws/images" && cp -a "$top/kiln.yaml" "$top/bootstrap" "$ws/"
	tries verify-all "$kiln -C $ws key init" &&
		tries verify-all "python3 $here/actions.py $kiln $ws $count 2 fan" &&
		tries verify-all "$kiln -C $ws publish" || return 0
	one=$(find "$repo/packages" -name 'nop*.rpm' | sort | tail -n 1)
	fact "verify: $count packages, $(find "$repo" -type f | wc -l) files, $(du -sm "$repo" | cut -f 1) MiB"
	in_turn "$builds" verify-all "$kiln verify --no-state $repo" \
		verify-sum "find $repo -type f -print0 | xargs -0 sha256sum"
	in_turn "$rounds" verify-one "$kiln verify --no-state $one" verify-start "$kiln --version"
}
