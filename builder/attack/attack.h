/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attack program: what a hostile build would try, one function each. It runs inside
 * chambers only (attack.c asks for proof), is static, and is linked against nothing of Kiln.
 * attacks.def says what each one must meet; `kiln selftest` and tests/system/10-walls.sh both
 * read that.
 *
 * An attack returns 0 when it went through (or, where it only looks, when it saw what was
 * promised), else the errno it met.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ATTACK_MARKER "KILN_PROBE" /* this variable is "1" inside */

#define ATTACK(name, wanted, wall, group, words)     int attack_##name(void);
#define ATTACK_X86(name, wanted, wall, group, words) int attack_##name(void);
#define CONTROL(name, wanted, wall, group, words)    int attack_##name(void);
#define SIBLING(name, wanted, wall, group, words)    int attack_##name(void);
#define TOOL(name)                                   int attack_##name(void);
#include "builder/attack/attacks.def"
#undef ATTACK
#undef ATTACK_X86
#undef CONTROL
#undef SIBLING
#undef TOOL

/* Who builds, or who builds again (kiln build --check). */
int attack_is_user(unsigned uid);
int attack_errno(long rc); /* errno when rc is negative, else 0 */
int attack_number(const char *variable);
int attack_open(const char *path, int flags);
/* The line "KEY:" of a file of /proc, without the key; NULL when it is not there. */
const char *attack_proc_line(const char *path, const char *key);
