/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign libraries that few commands use, loaded by those that do: libcurl alone, with the
 * thirty libraries that it brings along, took as long as everything else that a command does to
 * start. A doorway names the functions it calls in a table.
 */
#pragma once

#include "base/err.h"

struct late_call {
	const char *name;
	void *at; /* a pointer to a function of this name's type */
};
/* Fills in the pointers; the library stays until the process ends. */
int late_load(const char *soname, const struct late_call *calls, size_t n,
	      struct err *err) MUST_CHECK;
