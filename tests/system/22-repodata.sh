#!/bin/sh
# Our repository metadata beside createrepo_c's, and read by dnf, zypper and gpgv: every acceptance
# has its refusal beside it.
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
have() { command -v "$1" >/dev/null 2>&1; }
out=$(make --no-print-directory -s -C "$top" MODE="$(basename "$KILN_BUILD")" rpmtool repotool 2>&1) || {
	fail "make rpmtool repotool" "$out"
	finish
}
pack="$KILN_BUILD/tests/rpmtool pack"
tool=$KILN_BUILD/tests/repotool
cd "$SCRATCH" || exit 2

# --- three packages with one of everything that metadata can say ---
mkdir -p tree/usr/bin tree/etc/d tree/usr/share/x tree/var/log data/usr/share/data none
printf '#!/bin/sh\nexit 0\n' >tree/usr/bin/tool
echo conf >'tree/etc/a & b.conf'
echo log >tree/var/log/x.log
ln -s tool tree/usr/bin/link
echo x >'tree/usr/share/x/<ü>'
chmod -R u=rwX,go=rX tree data none
chmod 755 tree/usr/bin/tool
head -c 100000 /dev/zero >data/usr/share/data/zero
cat >tool.yaml <<'Y'
name: tool
version: "1.0~rc1"
release: "2"
epoch: "3"
summary: A tool & <more> "quoted"
homepage: "https://kiln.invalid/?a=1&b=2"
provides: ["virtual(tool) = 3", "plain"]
requires: ["base >= 1", "data = 1.0-1"]
conflicts: ["other < 2"]
obsoletes: ["oldtool < 1"]
recommends: [nice]
rules:
  /etc/a & b.conf: {flags: "config noreplace"}
  /var/log/x.log: {flags: ghost}
Y
printf 'name: data\nsummary: Data\narch: noarch\n' >data.yaml
printf 'name: base\nversion: "1"\nsummary: Base\nprovides: ["/bin/sh", "rtld(GNU_HASH)"]\narch: noarch\n' >base.yaml
mkdir rpms
for p in tool:tree data:data base:none; do
	out=$($pack "${p%:*}.yaml" "${p#*:}" "rpms/${p%:*}.rpm" 2>&1) || fail "pack ${p%:*}" "$out"
done

# --- publishing ---
assert_eq "publishing" "3 packages, 0 reused" "$($tool publish keys store out/repo rpms/*.rpm 2>&1)"
before=$(find out/repo -type f -exec sha256sum {} + | sort)
stat=$(stat -c '%i %z' out/repo out/repo/repodata/repomd.xml)
assert_contains "the signatures of another key set are others" "3 packages" "$($tool publish keys2 store2 out2/repo rpms/*.rpm 2>&1)"
assert_eq "verifying" "3 packages, 3 inputs" "$($tool verify keys out/repo 2>&1)"
assert_contains "verifying by another key set refuses" "error: out/repo: repodata/repomd.xml: " "$($tool verify keys2 out/repo 2>&1)"
$tool verify keys2 out/repo >/dev/null 2>&1
assert_eq "and exits with 3" 3 $?

# Another store, another place, another umask, one key set: the same metadata and signed packages.
mkdir elsewhere
(cd elsewhere && umask 077 && TZ=Asia/Tokyo $tool publish ../keys store repo ../rpms/*.rpm) >/dev/null 2>&1
for f in repodata/repomd.xml repodata/repomd.xml.asc inventory.json kiln.repo packages/tool-1.0~rc1-2.x86_64.rpm; do
	if cmp -s "out/repo/$f" "elsewhere/repo/$f"; then pass "$f is the same elsewhere"; else fail "$f is the same elsewhere"; fi
done
modes() { (cd "$1" && find . -printf '%p %m\n' | grep -v '^\./log/tile/.*\.p/' | sort); } # the log has grown meanwhile
assert_eq "umask does not show" "$(modes out/repo)" "$(modes elsewhere/repo)"

# At once, into one place: they come one after the other.
for i in 1 2 3 4; do
	(mkdir -p "s$i" && $tool publish keys "s$i/store" at-once/repo rpms/*.rpm >"s$i/log" 2>&1 || echo "failed: $(cat "s$i/log")") &
done >together
wait
assert_eq "four publishers at once all succeed" "" "$(cat together)"
assert_eq "nothing is left beside the tree" ".repo.lock repo" "$(ls -A at-once | tr '\n' ' ' | sed 's/ $//')"
assert_eq "what they left verifies" "3 packages, 3 inputs" "$($tool verify keys at-once/repo 2>&1)"
assert_eq "nobody touched the first tree" "$before" "$(find out/repo -type f -exec sha256sum {} + | sort)"
assert_eq "nor its inodes" "$stat" "$(stat -c '%i %z' out/repo out/repo/repodata/repomd.xml)"

# --- createrepo_c ---
if have createrepo_c; then
	mkdir theirs
	cp -r out/repo/packages theirs/
	createrepo_c -q --no-database --general-compress-type=gz theirs 2>/dev/null || createrepo_c -q --no-database theirs
	"$here/repodata.py" theirs >theirs.txt
	"$here/repodata.py" out/repo >ours.txt
	assert_eq "the metadata says what createrepo_c's says" "" "$(diff theirs.txt ours.txt)"
else
	skip createrepo_c "metadata beside createrepo_c's"
fi

# --- gpgv ---
if have gpg && have gpgv; then
	gpg --batch --homedir "$SCRATCH" --dearmor <out/repo/repodata/repomd.xml.key >metadata.gpg 2>/dev/null
	gpgv --keyring ./metadata.gpg out/repo/repodata/repomd.xml.asc out/repo/repodata/repomd.xml 2>gpgv.log
	assert_eq "gpgv accepts repomd.xml.asc" 0 $?
	sed 's/<revision>/<revision>1/' out/repo/repodata/repomd.xml >bad.xml
	gpgv --keyring ./metadata.gpg out/repo/repodata/repomd.xml.asc bad.xml 2>gpgv.log
	assert_eq "gpgv refuses changed metadata" 1 $?
else
	skip gpgv "gpgv on repomd.xml.asc"
fi

# --- dnf, with kiln.repo as it was published ---
dnf_on() { # dnf_on TREE ARGUMENT...: the variable is all that is said of the place
	tree=$1
	shift
	rm -rf dnf-cache
	mkdir -p dnf-vars dnf-repos "$SCRATCH/dnf-root"
	echo "file://$SCRATCH/$tree" >dnf-vars/kiln_repo
	cp "$tree/kiln.repo" dnf-repos/
	printf '[main]\nplugins=0\n' >dnf.conf
	dnf -q -y --config dnf.conf --setopt=reposdir="$SCRATCH/dnf-repos" --setopt=varsdir="$SCRATCH/dnf-vars" \
		--setopt=cachedir="$SCRATCH/dnf-cache" --installroot "$SCRATCH/dnf-root" --releasever 1 --forcearch x86_64 "$@"
}
spoil() { # spoil TREE FILE-IN-IT: flips a byte in the middle
	size=$(stat -c %s "$1/$2")
	byte=$(dd if="$1/$2" bs=1 skip=$((size / 2)) count=1 2>/dev/null | od -An -tu1)
	printf "$(printf '\\%03o' $(((byte + 1) % 256)))" | dd of="$1/$2" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
}
if have dnf; then
	assert_eq "dnf finds the packages" "base-0:1-1.noarch data-0:1.0-1.noarch tool-3:1.0~rc1-2.x86_64" \
		"$(dnf_on out/repo repoquery 2>/dev/null | sort | tr '\n' ' ' | sed 's/ $//')"
	assert_eq "dnf reads requires" "/bin/sh base >= 1 data = 1.0-1" "$(dnf_on out/repo repoquery --requires tool 2>/dev/null | grep -v '^rtld' | tr '\n' ' ' | sed 's/ $//')"
	assert_eq "dnf reads provides" "tool-3:1.0~rc1-2.x86_64" "$(dnf_on out/repo repoquery --whatprovides 'virtual(tool) >= 2' 2>/dev/null)"
	assert_contains "dnf reads files" '/etc/a & b.conf' "$(dnf_on out/repo repoquery -l tool 2>/dev/null)"
	if [ "$(id -u)" = 0 ]; then
		out=$(dnf_on out/repo install tool 2>&1)
		assert_eq "dnf installs with gpgcheck and repo_gpgcheck ($(grep -c 'gpgcheck=1' out/repo/kiln.repo))" 0 $?
		[ -x dnf-root/usr/bin/tool ] || fail "the tool is installed" "$out"
		for f in repodata/repomd.xml packages/tool-1.0~rc1-2.x86_64.rpm; do
			rm -rf bad dnf-root
			cp -r out/repo bad
			spoil bad "$f"
			dnf_on bad install tool >dnf.log 2>&1
			assert_eq "dnf refuses a changed ${f%%/*}/" 1 $?
			[ ! -e dnf-root/usr/bin/tool ] || fail "nothing of it is installed"
		done
		rm -rf bad dnf-root
		cp -r out/repo bad
		rm bad/repodata/repomd.xml.asc
		dnf_on bad install tool >dnf.log 2>&1
		assert_eq "dnf refuses metadata without signature" 1 $?
	fi
else
	skip dnf "dnf on the repository"
fi

# --- zypper ---
zypper_on() { # zypper_on TREE ARGUMENT...
	tree=$1
	shift
	rm -rf zypp
	mkdir -p zypp
	zypper --root "$SCRATCH/zypp" --non-interactive addrepo --gpgcheck-strict "file://$SCRATCH/$tree" kiln >zypper.log 2>&1 &&
		zypper --root "$SCRATCH/zypp" --non-interactive --gpg-auto-import-keys "$@" 2>&1
}
if have zypper && [ "$(id -u)" = 0 ]; then
	assert_contains "zypper takes the metadata" "kiln" "$(zypper_on out/repo refresh)"
	out=$(zypper --root "$SCRATCH/zypp" --non-interactive search -s tool 2>&1)
	assert_contains "zypper finds the tool" "3:1.0~rc1-2" "$out"
	rm -rf bad
	cp -r out/repo bad
	spoil bad repodata/repomd.xml
	out=$(zypper_on bad refresh)
	assert_eq "zypper refuses changed metadata" 4 $?
else
	skip zypper "zypper on the repository"
fi

# --- again, after statements were made anew: the bundles change, nothing else does ---
assert_contains "publishing again" "3 packages" "$($tool publish keys store out/repo rpms/*.rpm 2>&1)"
others() { grep -v 'packages/.*\(sigstore\.json\|tlog-proof\|intoto\.jsonl\)$\|out/repo/log/'; }
assert_eq "only the packages' bundles and the log are others" "$(echo "$before" | others)" \
	"$(find out/repo -type f -exec sha256sum {} + | sort | others)"
finish
