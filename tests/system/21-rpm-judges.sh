#!/bin/sh
# Packages and databases of repo/, shown to stock rpm: every acceptance has its refusal beside it.
# A program that is missing is a loud skip, and a failure when REQUIRE names it or is "all".
# usage: KILN_BUILD=build/release tests/system/21-rpm-judges.sh
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=${KILN_BUILD:-$here/../../build/release}
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
chmod 755 "$dir"
passed=0
failed=0
skipped=0

pass() { passed=$((passed + 1)); }
fail() {
	failed=$((failed + 1))
	echo "FAILED: $1"
	sed 's/^/    /' "$dir/out"
}
accepts() { # accepts WHAT COMMAND...
	what=$1
	shift
	if "$@" >"$dir/out" 2>&1; then pass; else fail "$what was refused"; fi
}
silent() { # silent WHAT COMMAND...: succeeds and says nothing
	what=$1
	shift
	if "$@" >"$dir/out" 2>&1 && [ ! -s "$dir/out" ]; then pass; else fail "$what is not silent"; fi
}
says() { # says WHAT PATTERN COMMAND...
	what=$1 pattern=$2
	shift 2
	if "$@" >"$dir/out" 2>&1 && grep -qE "$pattern" "$dir/out"; then pass; else fail "$what does not say '$pattern'"; fi
}
refuses() { # refuses WHAT CODE REASON COMMAND...: exits with CODE (- for any but 0) for that reason
	what=$1 code=$2 reason=$3
	shift 3
	"$@" >"$dir/out" 2>&1
	got=$?
	if [ $got = 0 ]; then
		fail "$what was accepted"
	elif [ "$code" != - ] && [ "$code" != $got ]; then
		fail "$what: exit code $got instead of $code"
	elif grep -qE "$reason" "$dir/out"; then
		pass
	else
		fail "$what was refused for another reason than '$reason'"
	fi
}
need() { # need NAME WHAT: a required thing that is missing is a failure, another a skip
	case " ${REQUIRE:-} " in
	*" $1 "* | *" all "*)
		: >"$dir/out"
		fail "$1 is required and not here"
		;;
	*)
		skipped=$((skipped + 1))
		echo "SKIPPED: no $1: $2"
		;;
	esac
}
finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
	exit
}

make --no-print-directory -s -C "$here/../.." MODE="$(basename "$build")" rpmtool >"$dir/out" 2>&1 || {
	fail "make rpmtool"
	finish
}
tool=$(cd "$build" && pwd)/tests/rpmtool

# A package with one of everything.
make_tree() { # make_tree DIR
	mkdir -p "$1/usr/bin" "$1/etc" "$1/usr/lib" "$1/srv/empty" "$1/usr/share/x" "$1/var/log"
	cp /bin/true "$1/usr/bin/tool"
	cp /bin/true "$1/usr/bin/pinger"
	ln "$1/usr/bin/tool" "$1/srv/another"
	ln "$1/usr/bin/tool" "$1/srv/empty/z"
	ln -s tool "$1/usr/bin/link"
	ln -s /nowhere "$1/usr/lib/dangling"
	: >"$1/usr/share/x/nothing"
	echo 'a b' >"$1/usr/share/x/with space ü"
	echo conf >"$1/etc/x.conf"
	printf '#!/bin/sh\nexit 0\n' >"$1/usr/bin/script"
	chmod 755 "$1/usr/bin/script"
	echo log >"$1/var/log/x.log"
	chmod 755 "$1" "$1/usr" "$1/usr/bin" "$1/etc" "$1/usr/lib" "$1/srv" "$1/srv/empty" "$1/usr/share" \
		"$1/usr/share/x" "$1/var" "$1/var/log" "$1/usr/bin/tool" "$1/usr/bin/pinger"
	chmod 644 "$1/etc/x.conf" "$1/usr/share/x/nothing" "$1/usr/share/x/with space ü" "$1/var/log/x.log"
}
cat >"$dir/probe.yaml" <<'END'
name: probe
version: "1.0~rc1"
release: "1"
epoch: "2"
summary: A probe
provides: ["virtual(probe) = 3"]
requires: ["base >= 1"]
conflicts: ["other < 2"]
obsoletes: ["oldprobe < 1"]
recommends: [nice]
rules:
  /etc/x.conf: {flags: "config noreplace"}
  /var/log/x.log: {flags: ghost, mode: "0640"}
  /usr/bin/script: {mode: "4755"}
  /usr/bin/pinger: {caps: "cap_net_raw=ep"}
  /usr/share/x: {mode: "0750", user: games, group: games}
  /usr/share/x/nothing: {flags: doc}
END
printf 'name: base\nversion: "1"\nprovides: ["/bin/sh", "rtld(GNU_HASH)"]\narch: noarch\n' >"$dir/base.yaml"
mkdir "$dir/none"
(umask 022 && make_tree "$dir/tree")
accepts "packing" "$tool" pack "$dir/probe.yaml" "$dir/tree" "$dir/probe.rpm"
accepts "packing a package without files" "$tool" pack "$dir/base.yaml" "$dir/none" "$dir/base.rpm"

# The same tree made at another time, in another place, by other habits.
(
	umask 077
	export TZ=Asia/Tokyo LC_ALL=C.UTF-8
	make_tree "$dir/elsewhere/again"
	find "$dir/elsewhere" -exec touch -h -d '2001-02-03' {} +
	cd / && "$tool" pack "$dir/probe.yaml" "$dir/elsewhere/again" "$dir/twin.rpm"
) >"$dir/out" 2>&1 || fail "packing elsewhere"
accepts "a twin's bytes" cmp "$dir/probe.rpm" "$dir/twin.rpm"

# Signing and unsigning.
accepts "making keys" "$tool" keys "$dir/keys"
cp "$dir/out" "$dir/packages.asc"
accepts "making a stranger's keys" "$tool" keys "$dir/strangers"
accepts "signing" "$tool" sign "$dir/keys" "$dir/probe.rpm" "$dir/signed.rpm"
accepts "taking a signature off" "$tool" strip "$dir/signed.rpm" "$dir/stripped.rpm"
accepts "the bytes without it" cmp "$dir/probe.rpm" "$dir/stripped.rpm"
accepts "a signed package" "$tool" verify "$dir/keys" "$dir/signed.rpm"
refuses "an unsigned package" 3 "is not signed" "$tool" verify "$dir/keys" "$dir/probe.rpm"
refuses "a stranger's key" 3 "signed.rpm: " "$tool" verify "$dir/strangers" "$dir/signed.rpm"
refuses "a signed package in a database" 1 "is signed" "$tool" db "$dir/no.sqlite" "$dir/signed.rpm"

# Tampering. Offsets count from the parts' ends, so that they hit what they name.
flip() { # flip IN OUT OFFSET (negative: from the end)
	size=$(stat -c %s "$1")
	at=$3
	[ "$at" -ge 0 ] || at=$((size + at))
	byte=$(od -An -tu1 -j "$at" -N 1 "$1" | tr -d ' ')
	cp "$1" "$2"
	printf "$(printf '\\%03o' $((byte ^ 1)))" | dd of="$2" bs=1 seek="$at" conv=notrunc 2>"$dir/ignored"
}
at_summary=$(grep -abo 'A probe' "$dir/signed.rpm" | head -n 1 | cut -d: -f1)
flip "$dir/signed.rpm" "$dir/header.rpm" "$at_summary"
flip "$dir/signed.rpm" "$dir/payload.rpm" -100
at_packet=$(grep -abo "$(printf '\211\002')" "$dir/signed.rpm" | head -n 1 | cut -d: -f1)
flip "$dir/signed.rpm" "$dir/packet.rpm" $((at_packet + 400))
head -c -1 "$dir/signed.rpm" >"$dir/short.rpm"
cp "$dir/signed.rpm" "$dir/long.rpm" && echo x >>"$dir/long.rpm"
refuses "a flipped header byte" 3 "header digest is" "$tool" verify "$dir/keys" "$dir/header.rpm"
refuses "a flipped payload byte" 3 "payload is not what its header says" "$tool" verify "$dir/keys" "$dir/payload.rpm"
refuses "a flipped signature byte" 3 "signature" "$tool" verify "$dir/keys" "$dir/packet.rpm"
refuses "a package cut by a byte" 3 "bytes, the package says" "$tool" verify "$dir/keys" "$dir/short.rpm"
refuses "a package longer by bytes" 3 "bytes, the package says" "$tool" verify "$dir/keys" "$dir/long.rpm"
refuses "a text file" 3 "not an RPM package|cut short" "$tool" verify "$dir/keys" "$dir/probe.yaml"

# The database, twice.
mkdir "$dir/db" "$dir/ro"
accepts "writing a database" "$tool" db "$dir/db/rpmdb.sqlite" "$dir/base.rpm" "$dir/probe.rpm"
accepts "writing it again" "$tool" db "$dir/again.sqlite" "$dir/base.rpm" "$dir/probe.rpm"
accepts "the same database" cmp "$dir/db/rpmdb.sqlite" "$dir/again.sqlite"

if ! command -v rpm >"$dir/ignored"; then
	need rpm "its verdict on our packages is unknown"
	finish
fi
for p in probe base; do
	says "rpm -K $p" "digests OK" rpm -K "$dir/$p.rpm"
done
says "rpm -Kv" "Payload SHA256 digest: OK" rpm -Kv "$dir/probe.rpm"
says "rpm -qip" "Source RPM  : probe-1.0~rc1-1.src.rpm" rpm -qip "$dir/probe.rpm"
says "rpm -qp --requires" "^libc.so.6\(GLIBC_2.34\)\(64bit\)" rpm -qp --requires "$dir/probe.rpm"
says "rpm -qp --requires" "^/bin/sh$" rpm -qp --requires "$dir/probe.rpm"
says "rpm -qp --provides" "^probe\(x86-64\) = 2:1.0~rc1-1$" rpm -qp --provides "$dir/probe.rpm"
says "rpm -qp --provides" "^virtual\(probe\) = 3$" rpm -qp --provides "$dir/probe.rpm"
says "rpm -qp --recommends" "^nice$" rpm -qp --recommends "$dir/probe.rpm"
says "rpm -qp --obsoletes" "^oldprobe < 1$" rpm -qp --obsoletes "$dir/probe.rpm"
says "rpm -qp -c" "^/etc/x.conf$" rpm -qp -c "$dir/probe.rpm"

mkdir "$dir/keydb"
accepts "rpmkeys --import" rpmkeys --dbpath "$dir/keydb" --import "$dir/packages.asc"
strict() { rpmkeys --dbpath "$dir/keydb" --define '_pkgverify_level all' -Kv "$1"; }
says "rpmkeys -K of a signed package" "Signature, key ID [0-9a-f]*: OK" strict "$dir/signed.rpm"
refuses "rpmkeys -K of an unsigned package" - "signature" strict "$dir/probe.rpm"
for what in header payload packet; do
	refuses "rpmkeys -K of a flipped $what byte" - "BAD|NOT OK" strict "$dir/$what.rpm"
done

cp "$dir/db/rpmdb.sqlite" "$dir/ro/"
query() { rpm --dbpath "$dir/db" "$@"; }
says "rpm -qa" "^probe-1.0~rc1-1.x86_64$" query -qa
says "rpm -qf" "^probe-1.0" query -qf /usr/bin/tool
says "rpm -q --whatprovides" "^probe-1.0" query -q --whatprovides 'virtual(probe)'
says "rpm -q --whatrequires" "^probe-1.0" query -q --whatrequires base
says "the installation time" "^1700000002 1700000002$" query -q --qf '%{INSTALLTIME} %{INSTALLTID}\n' probe
accepts "rpmdb --verifydb" rpmdb --dbpath "$dir/db" --verifydb
# As a read-only image has it: nobody may write beside the file.
chmod 444 "$dir/ro/rpmdb.sqlite"
chmod 555 "$dir/ro"
if [ "$(id -u)" = 0 ]; then
	says "rpm -qa by nobody, read-only" "^probe-1.0" setpriv --reuid=65534 --regid=65534 --clear-groups \
		rpm --dbpath "$dir/ro" -qa
else
	says "rpm -qa read-only" "^probe-1.0" rpm --dbpath "$dir/ro" -qa
fi

# Installed by stock rpm, then judged with rpm's own database and with ours.
if [ "$(id -u)" != 0 ]; then
	need root "installing with owners was not tried"
	finish
fi
root=$dir/root
db=/usr/lib/sysimage/rpm
mkdir -p "$root/etc" "$root$db"
chmod 755 "$root"
printf 'root:x:0:0::/:/bin/sh\ngames:x:5:60::/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\ngames:x:60:\n' >"$root/etc/group"
accepts "rpm -i" rpm -i --root "$root" --dbpath $db --nodeps --nosignature "$dir/base.rpm" "$dir/probe.rpm"
says "owners" "^750 games|^750 5 60" stat -c '%a %u %g' "$root/usr/share/x"
says "a set-id mode" "^4755" stat -c %a "$root/usr/bin/script"
if command -v getcap >"$dir/ignored" || [ -x /sbin/getcap ]; then
	says "capabilities" "cap_net_raw=ep" env PATH="$PATH:/sbin" getcap "$root/usr/bin/pinger"
fi
says "hard links" "^3$" stat -c %h "$root/srv/another"
says "times" "^1700000000$" stat -c %Y "$root/usr/bin/tool"
silent "rpm -V" rpm -V --root "$root" --dbpath $db --nodeps probe base
rm -rf "${root:?}$db"
mkdir "$root$db"
cp "$dir/db/rpmdb.sqlite" "$root$db/"
silent "rpm -V with our database" rpm -V --root "$root" --dbpath $db --nodeps probe base
echo changed >>"$root/usr/share/x/with space ü"
refuses "rpm -V of a changed file" - "^S.5.*with space" rpm -V --root "$root" --dbpath $db --nodeps probe
accepts "rpm -e from our database" rpm -e --root "$root" --dbpath $db --nodeps probe
says "what is left" "^base-1-1.noarch$" rpm -qa --root "$root" --dbpath $db
finish
