/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/test.h"
#include "base/tar.h"
#include "builder/sandbox_priv.h"
#include <sys/socket.h>

static const char *const trees[] = { "b", "a" };
static const char *const env[] = { "A=1", "EMPTY=" };
static const char *const members[] = { "include/*" };
static const struct sandbox_input inputs[] = {
	{ .kind = SANDBOX_COPY, .fd = 7, .dest = "/build/f", .exec = true },
	{ .kind = SANDBOX_UNPACK,
	  .fd = 8,
	  .dest = "/build",
	  .archive = TAR_RPM,
	  .strip = 2,
	  .merge_usr = true,
	  .members = members,
	  .nmembers = 1 },
};
static const struct sandbox_step steps[] = { { "build", "make\n" }, { "check", "" } };

static struct sandbox_spec
spec(void)
{
	return (struct sandbox_spec){
		.name = "zlib",
		.trees = trees,
		.ntrees = 2,
		.env = env,
		.nenv = 2,
		.inputs = inputs,
		.ninputs = 2,
		.steps = steps,
		.nsteps = 2,
		.cpus = 3,
		.limits = { .memory_bytes = 1, .time_s = 9 },
		.mtime = -5,
		.log_fd = 4,
		.tty_fd = -1,
		.kernel_release = "6.1.0",
		.kernel_version = "#1 SMP",
		.keep_failed = "k",
		.harvest_tmp = "h",
	};
}

TEST(wire_brings_a_spec_over_whole)
{
	struct sandbox_spec s = spec(), r;
	struct buf b = BUF_MAX(SANDBOX_MAX_SPEC_BYTES);
	struct arena a = { 0 };

	assert_ok(sandbox_wire_write(&s, &b, err));
	assert_ok(sandbox_wire_read(&a, b.data, b.len, &r, err));
	assert_string_equal(r.name, "zlib");
	assert_int_equal(r.ntrees, 2);
	assert_string_equal(r.trees[1], "a");
	assert_string_equal(r.env[1], "EMPTY=");
	assert_true(r.inputs[0].exec);
	assert_null(r.inputs[0].members);
	assert_int_equal(r.inputs[0].fd, -1); /* descriptors travel beside */
	assert_int_equal(r.inputs[1].archive, TAR_RPM);
	assert_int_equal(r.inputs[1].strip, 2);
	assert_string_equal(r.inputs[1].members[0], "include/*");
	assert_string_equal(r.steps[0].script, "make\n");
	assert_int_equal(r.limits.memory_bytes, 1);
	assert_int_equal(r.limits.disk_bytes, sandbox_limits_default.disk_bytes);
	assert_int_equal(r.limits.time_s, 9);
	assert_int_equal(r.mtime, -5);
	assert_string_equal(r.keep_failed, "k");
	assert_string_equal(r.kernel_release, "6.1.0");
	assert_string_equal(r.kernel_version, "#1 SMP");
	assert_null(r.resume_failed);
	arena_release(&a);
	buf_free(&b);
}

TEST(wire_refuses_every_cut_of_a_spec)
{
	struct sandbox_spec s = spec(), r;
	struct buf b = BUF_MAX(SANDBOX_MAX_SPEC_BYTES);

	assert_ok(sandbox_wire_write(&s, &b, err));
	for (size_t n = 0; n < b.len; n++) {
		struct arena a = { 0 };
		char *cut = memcpy(malloc(n + 1), b.data, n);

		assert_fails(sandbox_wire_read(&a, cut, n, &r, err), "cannot be read back");
		free(cut);
		arena_release(&a);
	}
	buf_free(&b);
}

TEST(wire_survives_every_flipped_byte_of_a_spec)
{
	struct sandbox_spec s = spec(), r;
	struct buf b = BUF_MAX(SANDBOX_MAX_SPEC_BYTES);

	assert_ok(sandbox_wire_write(&s, &b, err));
	for (size_t i = 0; i < b.len; i++) {
		struct arena a = { 0 };

		b.data[i] = (char)~b.data[i];
		if (sandbox_wire_read(&a, b.data, b.len, &r, err) == 0)
			assert_true(r.ninputs <= SANDBOX_MAX_INPUTS &&
				    r.nsteps <= SANDBOX_MAX_STEPS);
		b.data[i] = (char)~b.data[i];
		arena_release(&a);
	}
	buf_free(&b);
}

TEST(wire_refuses_more_packages_than_a_chamber_takes)
{
	struct sandbox_spec s = spec();
	struct buf b = BUF_MAX(SANDBOX_MAX_SPEC_BYTES);

	s.ntrees = SANDBOX_MAX_TREES + 1;
	assert_fails(
		sandbox_wire_write(&s, &b, err),
		"zlib: 10001 packages in the environment are more than the 10000 a chamber takes");
	assert_int_equal(err->code, ERR_SANDBOX);
	buf_free(&b);
}

static void
open_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
}

TEST(wire_ends_the_text_of_a_note_and_refuses_nonsense)
{
	struct sandbox_note note = { .kind = SANDBOX_NOTE_WALLS, .nwalls = 2 }, got_note;
	int pair[2], fds[SANDBOX_NOTE_FDS];
	bool got;

	open_pair(pair);
	memset(&note.walls[1], 'x', sizeof(note.walls[1]) - 1);
	note.walls[1].required = true;
	assert_ok(fd_send(pair[0], &note, sizeof(note), NULL, 0, err));
	assert_ok(sandbox_wire_note(pair[1], &got_note, fds, &got, err));
	assert_true(got);
	assert_int_equal(strlen(got_note.walls[1].name), sizeof(note.walls[1].name) - 1);
	assert_int_equal(got_note.err.code, ERR_SANDBOX); /* never "no error" */
	note.nwalls = SANDBOX_MAX_WALLS + 1;
	assert_ok(fd_send(pair[0], &note, sizeof(note), NULL, 0, err));
	assert_fails(sandbox_wire_note(pair[1], &got_note, fds, &got, err), "spoke nonsense");
	note.nwalls = 0;
	note.kind = (enum sandbox_note_kind)99;
	assert_ok(fd_send(pair[0], &note, sizeof(note), NULL, 0, err));
	assert_fails(sandbox_wire_note(pair[1], &got_note, fds, &got, err), "spoke nonsense");
	assert_ok(fd_send(pair[0], "short", 5, NULL, 0, err));
	assert_fails(sandbox_wire_note(pair[1], &got_note, fds, &got, err), "spoke nonsense");
	close(pair[0]);
	assert_ok(sandbox_wire_note(pair[1], &got_note, fds, &got, err));
	assert_false(got);
	close(pair[1]);
}

TEST(wire_takes_descriptors_only_with_the_note_that_has_them)
{
	struct sandbox_note note = { .kind = SANDBOX_NOTE_DONE }, got_note;
	int pair[2], fds[SANDBOX_NOTE_FDS], zeros[SANDBOX_NOTE_FDS] = { 0 };
	bool got;

	open_pair(pair);
	assert_ok(fd_send(pair[0], &note, sizeof(note), zeros, SANDBOX_NOTE_FDS, err));
	assert_fails(sandbox_wire_note(pair[1], &got_note, fds, &got, err), "spoke nonsense");
	assert_int_equal(fds[SANDBOX_NOTE_PROC], -1);
	note.kind = SANDBOX_NOTE_WALLS;
	assert_ok(fd_send(pair[0], &note, sizeof(note), zeros, 1, err));
	assert_fails(sandbox_wire_note(pair[1], &got_note, fds, &got, err), "spoke nonsense");
	assert_int_equal(fds[SANDBOX_NOTE_PROC], -1);
	assert_ok(fd_send(pair[0], &note, sizeof(note), zeros, SANDBOX_NOTE_LISTENER, err));
	assert_ok(sandbox_wire_note(pair[1], &got_note, fds, &got, err));
	assert_true(fds[SANDBOX_NOTE_MOUNTS] >= 0);
	assert_int_equal(fds[SANDBOX_NOTE_LISTENER], -1);
	for (size_t i = 0; i < SANDBOX_NOTE_LISTENER; i++)
		close(fds[i]);
	close(pair[0]);
	close(pair[1]);
}

TEST(wire_refuses_a_reply_with_too_many_walls)
{
	struct sandbox_reply reply = { .raised = true }, got_reply;
	int pair[2], fd = -1;
	bool got;

	open_pair(pair);
	reply.result.nwalls = SANDBOX_MAX_WALLS + 1;
	assert_ok(fd_send(pair[0], &reply, sizeof(reply), NULL, 0, err));
	assert_fails(sandbox_wire_reply(pair[1], &got_reply, &fd, &fd, &got, err),
		     "spoke nonsense");
	close(pair[0]);
	close(pair[1]);
}
