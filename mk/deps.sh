#!/bin/sh
# Installs the Debian 12 packages that Kiln is built with (build), tested with (test; its images and
# packages: distribution) or fuzzed and formatted with (dev). What is there already costs nothing and asks for nothing.
# usage: mk/deps.sh build|test|distribution|dev
set -eu
build='gcc libc6-dev make pkg-config libsolv-dev libsolvext-dev librpm-dev libarchive-dev libzstd-dev
	libseccomp-dev libssl-dev libyaml-dev libsqlite3-dev libcurl4-openssl-dev libjansson-dev
	libelf-dev libbz2-dev liblzma-dev nettle-dev zlib1g-dev libp11-kit-dev ca-certificates xz-utils gpgv debian-archive-keyring'
test="$build libcmocka-dev rpm createrepo-c dnf zypper skopeo umoci gnupg sqv openssh-client openssl
	busybox-static python3 git patch xz-utils zstd strace file cpio util-linux podman libcap2-bin perl golang-go golang-golang-x-mod-dev
	nginx-light tinyproxy softhsm2 opensc"
distribution="$test runc jq curl g++ iproute2"
dev="$test clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev cppcheck
	qemu-system-x86 linux-image-cloud-amd64"
case "${1:-build}" in
build) want=$build ;;
test) want=$test ;;
distribution) want=$distribution ;;
dev) want=$dev ;;
*) echo "usage: mk/deps.sh build|test|distribution|dev" >&2; exit 2 ;;
esac
missing=
for p in $want; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "error: not root and no sudo; as root run: apt-get install -y$missing" >&2; exit 1; }
	sudo=sudo
fi
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo ${sudo:+env DEBIAN_FRONTEND=noninteractive} apt-get install -y -qq --no-install-recommends $missing >/dev/null
