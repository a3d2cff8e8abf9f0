/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of libcurl that its doorways call, in one table (base/late.h). A doorway
 * includes curl/curl.h, says DEFINE_LATE_CURL once, calls load_curl first and then
 * curl.easy_init() for curl_easy_init().
 */
#pragma once

#include "base/late.h"

#define LATE_CURL_SONAME "libcurl.so.4"
#define LATE_CURL_CALLS(call)                                                                  \
	call(easy_cleanup) call(easy_getinfo) call(easy_init) call(easy_perform)               \
		call(easy_reset) call(easy_setopt) call(easy_strerror) call(global_init)       \
			call(slist_append) call(slist_free_all)
#define LATE_CURL_MEMBER(function) typeof(&curl_##function) function;
#define LATE_CURL_ENTRY(function)  { .name = "curl_" #function, .at = &curl.function },
#define DEFINE_LATE_CURL                                                                       \
	static struct {                                                                        \
		LATE_CURL_CALLS(LATE_CURL_MEMBER)                                              \
	} curl;                                                                                \
	static int load_curl(struct err *err)                                                  \
	{                                                                                      \
		static const struct late_call calls[] = { LATE_CURL_CALLS(LATE_CURL_ENTRY) };  \
                                                                                               \
		return late_load(LATE_CURL_SONAME, calls, ARRAY_LEN(calls), err);              \
	}
