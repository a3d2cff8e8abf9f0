/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many objects made durable together. Between cas_batch_enter and cas_batch_leave what cas_put,
 * cas_put_fd and cas_ref_put are given is written to tmp/ and goes no further; leaving hands
 * it, under a ticket, to a process that brings it into the store while the caller goes on, a
 * moment later, so that others may come with it, or at once when the caller waits for it. When
 * that says a ticket is done, everything of it and of all tickets before it is as durable as
 * without a batch; until then nobody sees it. Order of work: cas_batch.c.
 */
#pragma once

#include "base/cas.h"

struct cas_batch;

int cas_batch_open(struct cas *c, struct cas_batch **out, struct err *err) MUST_CHECK;
/* Waits for all that was left; how it went is not told, so cas_batch_wait before. What was
 * entered and not left goes. Before cas_close. */
void cas_batch_close(struct cas_batch *b);
DEFINE_CLEANUP(struct cas_batch *, cas_batch_close);
void cas_batch_enter(struct cas_batch *b);
/* The file at path, which is below tmp/ and which nobody writes any more, becomes the blob d.
 * It must stay there until the ticket is done; its bytes are checked on entry. */
void cas_batch_adopt(struct cas_batch *b, const char *path, const struct digest *d);
/* Leaves without a ticket: what was put since enter goes. */
void cas_batch_cancel(struct cas_batch *b);
int cas_batch_leave(struct cas_batch *b, uint64_t *ticket, struct err *err) MUST_CHECK;
/* The last ticket that is done. Fails when one could not be: then so will all that follow. */
int cas_batch_done(struct cas_batch *b, uint64_t *ticket, struct err *err) MUST_CHECK;
/* Waits until this one is. */
int cas_batch_wait(struct cas_batch *b, uint64_t ticket, struct err *err) MUST_CHECK;
