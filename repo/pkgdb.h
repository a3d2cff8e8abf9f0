/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RPM database of an image: usr/lib/sysimage/rpm/rpmdb.sqlite, made from unsigned packages
 * by rpmtsImportHeader, then normalised (no WAL, VACUUM, SQLite version bytes fixed), so that
 * the same packages give the same bytes and it can be read on a read-only root.
 */
#pragma once

#include "base/err.h"

/* rpm_fds: packages in the order of installation (the caller sorts). Writes the database file
 * to out_fd (empty). install_time: the image's epoch. Works in a private temporary directory.
 */
int pkgdb_write(const int *rpm_fds, const char *const *names, size_t n, int64_t install_time,
		int out_fd, struct err *err) MUST_CHECK;
