/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dict.h"
#include "tests/unit/test.h"

TEST(dict_iterates_in_sorted_order_only)
{
	CLEANUP(dict_release) struct dict d = { 0 };
	char key[16];
	const char *before = "";

	for (int i = 999; i >= 0; i--) {
		(void)snprintf(key, sizeof(key), "k%d", i * 7919 % 1000);
		dict_set(&d, key, NULL);
	}
	assert_int_equal(d.n, 1000);
	for (size_t i = 0; i < d.n; i++) {
		const char *now = dict_at(&d, i, NULL);

		assert_true(strcmp(before, now) < 0);
		before = now;
	}
}

TEST(dict_add_leaves_what_is_there)
{
	CLEANUP(dict_release) struct dict d = { 0 };
	int one, two;

	assert_false(dict_has(&d, "a"));
	assert_null(dict_get(&d, "a"));
	assert_true(dict_add(&d, "a", &one));
	assert_false(dict_add(&d, "a", &two));
	assert_ptr_equal(dict_get(&d, "a"), &one);
	dict_set(&d, "a", &two);
	assert_ptr_equal(dict_get(&d, "a"), &two);
	assert_true(dict_add(&d, "null", NULL));
	assert_true(dict_has(&d, "null"));
}

TEST(dict_sees_what_was_set_between_iterations)
{
	CLEANUP(dict_release) struct dict d = { 0 };
	void *value;
	int x;

	dict_set(&d, "b", NULL);
	assert_string_equal(dict_at(&d, 0, NULL), "b");
	dict_set(&d, "a", NULL);
	dict_set(&d, "b", &x);
	assert_string_equal(dict_at(&d, 0, NULL), "a");
	assert_string_equal(dict_at(&d, 1, &value), "b");
	assert_ptr_equal(value, &x);
}
