#!/bin/sh
# The lints are tested too: each violation is planted in a scratch tree and must be refused.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0
mkdir -p "$scratch/base" "$scratch/trust" "$scratch/repo" "$scratch/builder" "$scratch/images" "$scratch/cli"
cd "$scratch" || exit 2

expect() { # expect NAME ok|refused COMMAND...
	name=$1 want=$2
	shift 2
	if "$@" >out.txt 2>&1; then got=ok; else got=refused; fi
	if [ "$got" = "$want" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "lint test failed: $name: wanted $want, got $got"
		cat out.txt
	fi
}
floors() { awk -f "$here/mk/floors.awk" "$1"; }
file() { printf '%s\n' "$2" >"$1"; }
object() { gcc -c -o "$1" -x c - <<C
$2
C
}

file base/low.c '#include "trust/key.h"'
expect "base includes trust" refused floors base/low.c
file repo/up.c '#include "cli/opt.h"'
expect "repo includes cli" refused floors repo/up.c
file builder/side.c '#include "images/image.h"'
expect "builder includes images" refused floors builder/side.c
file images/side.c '  #  include "builder/build.h"'
expect "images includes builder, indented" refused floors images/side.c
file repo/priv.c '#include "trust/key_priv.h"'
expect "a private header of another room" refused floors repo/priv.c
file trust/down.c '#include "base/err.h"'
expect "trust includes base" ok floors trust/down.c
file trust/own.c '#include "trust/key_priv.h"'
expect "a private header of one's own room" ok floors trust/own.c

object good.o 'int good_do(void){return 0;}'
expect "a well-named symbol" ok "$here/mk/symbols.sh" good.o
object bad.o 'int other_do(void){return 0;}'
expect "a symbol without its file's prefix" refused "$here/mk/symbols.sh" bad.o
object good_part.o 'int good_part_do(void){return 0;}'
expect "a symbol of a split file" ok "$here/mk/symbols.sh" good_part.o
object pool.o 'int pool_do(void){return 0;}'
expect "a stem that a library exports" refused "$here/mk/symbols.sh" pool.o

DOORWAYS=$here/mk/doorways.txt
export DOORWAYS
expect "no foreign header at all" ok "$here/mk/doorways.sh" .
file trust/free.c '#include <yaml.h>'
expect "libyaml outside its doorway" refused "$here/mk/doorways.sh" .
rm trust/free.c
file base/digest.h '#include <openssl/evp.h>'
expect "OpenSSL in a header of ours" refused "$here/mk/doorways.sh" .
rm base/digest.h
file base/digest.c '#include <openssl/evp.h>'
expect "OpenSSL at its doorway" ok "$here/mk/doorways.sh" .

rm -f ./*/*.c
expect "nothing banned" ok "$here/mk/banned.sh" .
for call in 'time(NULL)' 'getenv("X")' 'open("x", 0)' 'rand()' 'printf("x")' 'exit(1)' 'readdir(d)'; do
	file builder/x.c "	int v = $call;"
	expect "builder calls $call" refused "$here/mk/banned.sh" .
done
rm builder/x.c
file cli/x.c '	const char *v = getenv("X");'
expect "cli reads the environment" ok "$here/mk/banned.sh" .

{ echo '/* SPDX-License-Identifier: Apache-2.0 */'; echo 'int f(void)'; echo '{'; yes ';' | head -n 90; echo '}'; } >base/long.c
expect "a function of 90 lines" refused "$here/mk/budgets.sh" base/long.c
file base/nolicence.c 'int x;'
expect "no licence line" refused "$here/mk/budgets.sh" base/nolicence.c
{ echo '/* SPDX-License-Identifier: Apache-2.0 */'; yes ';' | head -n 950; } >base/big.c
expect "a file of 951 lines" refused "$here/mk/budgets.sh" base/big.c

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
