/* SPDX-License-Identifier: Apache-2.0 */
#include "base/late.h"
#include "tests/unit/test.h"
#include <dlfcn.h>

static size_t (*length)(const char *s);

/* Linked, it would be there in every process of ours. */
TEST(libcurl_is_not_loaded_before_somebody_asks)
{
	assert_null(dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD));
}

TEST(late_loads_what_is_called)
{
	const struct late_call calls[] = { { .name = "strlen", .at = &length } };

	assert_ok(late_load("libc.so.6", calls, ARRAY_LEN(calls), err));
	assert_int_equal(length("four"), 4);
}

TEST(late_names_the_library_that_is_not_there)
{
	assert_fails(late_load("libnone.so.0", NULL, 0, err),
		     "install the package that holds libnone.so.0");
}

TEST(late_names_the_function_that_is_not_there)
{
	const struct late_call calls[] = { { .name = "no_such_call", .at = &length } };

	assert_fails(late_load("libc.so.6", calls, ARRAY_LEN(calls), err),
		     "libc.so.6 has no no_such_call");
}
