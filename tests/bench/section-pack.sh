# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Writing packages and their metadata.

target "package: kiln against rpmbuild, wall" reported pack-kiln pack-rpmbuild
target "package: kiln against rpmbuild, CPU" reported pack-kiln-cpu pack-rpmbuild-cpu
target "metadata: kiln against createrepo_c, wall" reported meta-kiln meta-createrepo
target "metadata: kiln against createrepo_c, CPU" reported meta-kiln-cpu meta-createrepo-cpu

section_pack() {
	need pack-rpmbuild rpmbuild rpm && need pack-rpmbuild cpp-12 cpp-12 || return 0
	copy_package libc6-dev
	copy_package binutils-common
	mkdir -p "$S/tree" "$S/rpmbuild" "$S/repo/packages" "$S/peer"
	cp -a "$S/pkg/libc6-dev/." "$S/pkg/binutils-common/." "$S/tree/"
	cat >"$S/bench.spec" <<-END
		Name: bench
		Version: 1
		Release: 1
		Summary: bench
		License: MIT
		AutoReqProv: no
		%global debug_package %{nil}
		%global __os_install_post %{nil}
		%global _build_id_links none
		%description
		bench
		%install
		rm -rf %{buildroot}; mkdir -p %{buildroot}; cp -al $S/tree/. %{buildroot}/
		%files
		/usr
	END
	fact "package: $(find "$S/tree" -type f | wc -l) files, $(du -sm "$S/tree" | cut -f1) MiB, zstd 9 in both, processes of their own"
	in_turn "$builds" \
		pack-kiln "$tools/pack rpm $S/tree $S/kiln.rpm" \
		pack-rpmbuild "rpmbuild -bb --define '_topdir $S/rpmbuild' --define '_binary_payload w9.zstdio' $S/bench.spec"
	need meta-createrepo createrepo_c createrepo-c || return 0
	for i in $(seq 100); do
		cp "$S/kiln.rpm" "$S/repo/packages/bench-$i.rpm"
	done
	fact "metadata: 100 packages, gzip, one worker"
	in_turn "$builds" \
		meta-kiln "$tools/pack repodata $S/repo" \
		meta-createrepo "createrepo_c -q --no-database --workers 1 -o $S/peer $S/repo"
}
