/* SPDX-License-Identifier: Apache-2.0 */
/* The attack program (builder/attack/) as bytes; selftest.c puts them into a chamber. */
	.section .rodata
	.global selftest_program
	.hidden selftest_program
	.balign 16
selftest_program:
	.incbin "probe"
	.global selftest_program_end
	.hidden selftest_program_end
selftest_program_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
