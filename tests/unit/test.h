/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests: TEST(sentence_in_words) { ... } registers itself; one binary per room, run from
 * tests/. assert_ok(call) prints the error text; assert_fails(call, "part of the message")
 * demands the reason. `struct err err` is declared for every test.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/err.h"
#include "base/fd.h"

void test_register(const char *name, CMUnitTestFunction fn);

#define TEST(name)                                                                             \
	static void test_body_##name(struct err *err_);                                        \
	static void test_run_##name(void **state)                                              \
	{                                                                                      \
		struct err err_ = { .code = ERR_NONE };                                        \
		(void)state;                                                                   \
		test_body_##name(&err_);                                                       \
	}                                                                                      \
	__attribute__((constructor)) static void test_add_##name(void)                         \
	{                                                                                      \
		test_register(#name, test_run_##name);                                         \
	}                                                                                      \
	static void test_body_##name(struct err *err __attribute__((unused)))

#define assert_ok(call)                                                                        \
	do {                                                                                   \
		if ((call) < 0) {                                                              \
			print_error("%s: %s\n", #call, err->text);                             \
			fail();                                                                \
		}                                                                              \
	} while (0)
#define assert_fails(call, reason)                                                             \
	do {                                                                                   \
		err->text[0] = '\0';                                                           \
		assert_int_equal((call), -1);                                                  \
		if (!strstr(err->text, (reason))) {                                            \
			print_error("wanted '%s' in: %s\n", (reason), err->text);              \
			fail();                                                                \
		}                                                                              \
	} while (0)

/* A fresh private directory under $TMPDIR, removed at exit of the process. */
int test_tmpdir(void); /* its dirfd */
const char *test_tmpdir_path(int dirfd);
