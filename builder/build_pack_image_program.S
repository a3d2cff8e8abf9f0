/* SPDX-License-Identifier: Apache-2.0 */
/* What makes packages (builder/packer/) as bytes; build_pack_image.c runs it. */
	.section .rodata
	.global build_pack_image_program
	.hidden build_pack_image_program
	.balign 16
build_pack_image_program:
	.incbin "packer"
	.global build_pack_image_program_end
	.hidden build_pack_image_program_end
build_pack_image_program_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
