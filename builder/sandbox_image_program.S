/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's program (builder/chamber/) as bytes; sandbox_image.c runs it. */
	.section .rodata
	.global sandbox_image_program
	.hidden sandbox_image_program
	.balign 16
sandbox_image_program:
	.incbin "chamber"
	.global sandbox_image_program_end
	.hidden sandbox_image_program_end
sandbox_image_program_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
