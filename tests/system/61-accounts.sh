#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a package declares because no scriptlet runs: accounts, directories, services. Judges are rpm, dnf,
# systemd's own readers of such files, umoci, and a process that runs as the account.
set -u
. "$(dirname "$0")/workspace.sh"
mkdir ws/recipes/web
take baselayout busybox musl linux-headers
cat >ws/recipes/web/recipe.yaml <<'E'
format: 1
name: web
version: "1.0"
summary: A server of the tests
license: MIT
build:
  steps:
    - name: install
      run: |
        mkdir -p "$DESTDIR/usr/bin" "$DESTDIR/etc/web" "$DESTDIR/var/lib/web"
        printf '#!/bin/sh\nid -un >/var/lib/web/who && echo served\n' >"$DESTDIR/usr/bin/web"
        chmod 755 "$DESTDIR/usr/bin/web"
        echo secret >"$DESTDIR/etc/web/key"
packages:
  - name: web
    users: [{name: web, id: 711, groups: [tty], home: /var/lib/web, summary: The web's own}]
    groups: [{name: pages, id: 712}]
    directories:
      - {path: /var/lib/web, user: web, group: web, mode: "0750"}
      - {path: /srv/pages, user: web, group: pages, mode: "2775"}
    services: [{name: web, run: /usr/bin/web, user: web, stop_signal: QUIT}]
    owners: [{path: /etc/web/key, group: web, mode: "0640"}]
E
mkdir ws/recipes/all
cat >ws/recipes/all/recipe.yaml <<'E'
format: 1
name: all
version: "1"
summary: Everything of the tests
license: MIT
arch: noarch
build:
  steps: [{name: none, run: ":"}]
packages: [{name: all, requires: [web], provides: [everything = 1]}]
E
cat >ws/images/catalog/web.yaml <<'E'
format: 1
name: web
summary: A server of the tests
packages: [baselayout, busybox, web]
config: {entrypoint: [/usr/bin/web], user: web}
E
ok "a package that declares what it needs" k build
ok "is published" k publish
rpm=$scratch/ws/out/repo/packages/web-1.0-1.x86_64.rpm

# --- the package
provides=$(rpm -qp --nosignature --provides "$rpm")
line='u web 711:web "The web'"'"'s own" /var/lib/web /usr/sbin/nologin'
encoded=$(printf '%s' "$provides" | sed -n 's/^user(web) = //p')
assert_eq "the account is provided with the line that makes it" "$line" "$(printf '%s' "$encoded" | base64 -d | tr -d '\000')"
assert_contains "the group, too" "group(pages) = $(printf 'g pages 712\0' | base64)" "$provides"
assert_lacks "and not required" "user(web)" "$(rpm -qp --nosignature --requires "$rpm")"
assert_line "directories have their owner and mode" "drwxrwsr-x web pages /srv/pages" "$(rpm -qp --nosignature --qf '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]' "$rpm")"
assert_line "files as well" "-rw-r----- root web /etc/web/key" "$(rpm -qp --nosignature --qf '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]' "$rpm")"
assert_eq "no scriptlet is in it" "" "$(rpm -qp --nosignature --scripts "$rpm")"

# --- a package that is only what it requires
all=$scratch/ws/out/repo/packages/all-1-1.noarch.rpm
assert_eq "a package may have no files" "(contains no files)" "$(rpm -qpl --nosignature "$all")"
assert_line "and require others" "web" "$(rpm -qp --nosignature --requires "$all")"

# --- systemd's own readers of these files, on what dnf installed
root=$scratch/root
if [ "$(id -u)" = 0 ] && command -v dnf >/dev/null && command -v systemd-sysusers >/dev/null; then
	mkdir -p none
	printf '[main]\n' >dnf.conf
	ok "dnf installs it into an empty root" dnf -y --installroot "$root" --releasever 1 --forcearch x86_64 --setopt=reposdir="$scratch/none" \
		--setopt=cachedir="$scratch/cache" --config "$scratch/dnf.conf" --repofrompath="kiln,file://$scratch/ws/out/repo" --setopt=kiln.gpgcheck=0 \
		--setopt=install_weak_deps=0 install baselayout busybox all
	ok "systemd-sysusers makes the accounts" systemd-sysusers --root="$root"
	assert_contains "with their numbers" "web:x:711:711:The web's own:/var/lib/web:/usr/sbin/nologin" "$(cat "$root/etc/passwd")"
	assert_contains "and members" "tty:x:5:web" "$(cat "$root/etc/group")"
	ok "systemd-tmpfiles makes the directories" systemd-tmpfiles --root="$root" --create web.conf
	assert_eq "as declared" "711:712 2775" "$(stat -c '%u:%g %a' "$root/srv/pages")"
	cp -rn /usr/lib/systemd/system/*.target "$root/usr/lib/systemd/system/" # what every unit stands on
	ok "systemd takes the unit" systemd-analyze verify --root="$root" --man=no "$root/usr/lib/systemd/system/web.service"
	assert_lacks "without a word against it" "web.service" "$(cat "$scratch/err")"
else
	skip root "what dnf installs and systemd makes of it"
fi

# --- the image
cat >ws/images/catalog/served.yaml <<'E'
format: 1
name: served
summary: A server as its package says it starts
packages: [baselayout, busybox, web]
config: {service: web, cmd: [--loud], ports: [8080, 53/udp], volumes: [/var/lib/web]}
E
ok "an image of its service" k image served
started=$(cat ws/out/images/served/blobs/sha256/* | grep -a '"diff_ids"')
assert_contains "starts its program" '"Cmd":["--loud"],"Entrypoint":["/usr/bin/web"]' "$started"
assert_contains "as its account, by number" '"User":"711"' "$started"
assert_contains "ends it by its signal" '"StopSignal":"SIGQUIT"' "$started"
assert_contains "names its ports" '"ExposedPorts":{"53/udp":{},"8080/tcp":{}}' "$started"
assert_contains "and what is to be kept" '"Volumes":{"/var/lib/web":{}}' "$started"
sed 's/name: served/name: lost/; s/service: web/service: wbe/' ws/images/catalog/served.yaml >ws/images/catalog/lost.yaml
refused "a service that no package has" 1 "image lost: config.service: no package of the image has a service 'wbe'" k image lost
assert_contains "those that are there are named" "they have: web" "$(cat "$scratch/err")"
rm ws/images/catalog/lost.yaml
ok "an image of it" k image web
ok "verifies" k verify out/images/web
if [ "$(id -u)" = 0 ] && command -v umoci >/dev/null; then
	ok "umoci unpacks it" umoci unpack --image "$scratch/ws/out/images/web:latest" "$scratch/bundle"
	fs=$scratch/bundle/rootfs
	assert_line "the account is in passwd, locked" "web:!:711:711:The web's own:/var/lib/web:/usr/sbin/nologin" "$(cat "$fs/etc/passwd")"
	assert_line "a group that was there has it as a member" "tty:x:5:web" "$(cat "$fs/etc/group")"
	assert_line "its own groups are there" "pages:x:712:" "$(cat "$fs/etc/group")"
	assert_eq "directories are its own" "711:711 750" "$(stat -c '%u:%g %a' "$fs/var/lib/web")"
	ok "a process of the account starts" chroot --userspec=711:711 --groups= "$fs" /usr/bin/web
	says "does its work" served
	assert_eq "in its own directory, under its own name" web "$(cat "$fs/var/lib/web/who")"
else
	skip root "what the image holds"
fi

# --- what cannot be
mkdir ws/recipes/other
cat >ws/recipes/other/recipe.yaml <<'E'
format: 1
name: other
version: "1.0"
summary: Another
license: MIT
build:
  steps: [{name: install, run: 'mkdir -p "$DESTDIR/usr/share/other"'}]
packages: [{name: other, users: [{name: other, id: 711}]}]
E
sed 's/name: web/name: both/; s/busybox, web/busybox, web, other/; s/user: web/user: other/' ws/images/catalog/web.yaml >ws/images/catalog/both.yaml
ok "another package with that number" k build other
refused "is not in one image with it" 1 "packages of one image agree on names and numbers" k image both
assert_contains "and both are named" "is 711 for web-1.0-1.x86_64.rpm, but other-1.0-1.x86_64.rpm gives 711 to 'other'" "$(cat "$scratch/err")"
sed -i 's/id: 711/id: 713/; s/users:/directories: [{path: \/var\/lib\/other, user: nobody-knows}], users:/' ws/recipes/other/recipe.yaml
ok "a directory of an account that nobody declares" k build other
refused "is not in an image either" 1 "user(nobody-knows)" k image both
finish
