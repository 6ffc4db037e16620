#include "textflag.h"

// SHA-256 (FIPS 180-4) of 16 messages at once: word i of register Zr is a word
// of message i. Z0 to Z15 are the message schedule, Z16 to Z23 the working
// variables a to h, Z24 to Z27 are free for use. K is at (AX).

// In the rows of four registers, each of four lanes of four words, transpose4
// transposes the words of a lane.
#define transpose4(r0, r1, r2, r3) \
	VPUNPCKLDQ  r1, r0, Z16; \
	VPUNPCKHDQ  r1, r0, Z17; \
	VPUNPCKLDQ  r3, r2, Z18; \
	VPUNPCKHDQ  r3, r2, Z19; \
	VPUNPCKLQDQ Z18, Z16, r0; \
	VPUNPCKHQDQ Z18, Z16, r1; \
	VPUNPCKLQDQ Z19, Z17, r2; \
	VPUNPCKHQDQ Z19, Z17, r3

// transposeLanes transposes the lanes themselves.
#define transposeLanes(r0, r1, r2, r3) \
	VSHUFI32X4 $0x44, r1, r0, Z16; \
	VSHUFI32X4 $0xee, r1, r0, Z17; \
	VSHUFI32X4 $0x44, r3, r2, Z18; \
	VSHUFI32X4 $0xee, r3, r2, Z19; \
	VSHUFI32X4 $0x88, Z18, Z16, r0; \
	VSHUFI32X4 $0xdd, Z18, Z16, r1; \
	VSHUFI32X4 $0x88, Z19, Z17, r2; \
	VSHUFI32X4 $0xdd, Z19, Z17, r3

// load reads the block at DX of message i into a register, as big-endian words.
#define load(i, r) \
	MOVQ      (i*8)(SI), R9; \
	VMOVDQU32 (R9)(DX*1), r; \
	VPSHUFB   Z28, r, r

// xor3 is x ^ y ^ z in z.
#define xor3(x, y, z) VPTERNLOGD $0x96, x, y, z

// round is one of the 64: h becomes the next a, and d the next e.
#define round(i, a, b, c, d, e, f, g, h, w) \
	VPADDD.BCST (i*4)(AX), w, Z24; \
	VPADDD      Z24, h, h; \
	VPRORD      $6, e, Z25; \
	VPRORD      $11, e, Z26; \
	VPRORD      $25, e, Z27; \
	xor3(Z25, Z26, Z27); \
	VMOVDQA32   e, Z24; \
	VPTERNLOGD  $0xca, g, f, Z24; \
	VPADDD      Z27, h, h; \
	VPADDD      Z24, h, h; \
	VPADDD      h, d, d; \
	VPRORD      $2, a, Z25; \
	VPRORD      $13, a, Z26; \
	VPRORD      $22, a, Z27; \
	xor3(Z25, Z26, Z27); \
	VMOVDQA32   a, Z24; \
	VPTERNLOGD  $0xe8, c, b, Z24; \
	VPADDD      Z27, h, h; \
	VPADDD      Z24, h, h

// schedule makes the word of 16 rounds later of w, with those of 15, 7 and 2
// rounds before that one.
#define schedule(w, w15, w7, w2) \
	VPRORD $7, w15, Z25; \
	VPRORD $18, w15, Z26; \
	VPSRLD $3, w15, Z27; \
	xor3(Z25, Z26, Z27); \
	VPADDD Z27, w, w; \
	VPRORD $17, w2, Z25; \
	VPRORD $19, w2, Z26; \
	VPSRLD $10, w2, Z27; \
	xor3(Z25, Z26, Z27); \
	VPADDD Z27, w, w; \
	VPADDD w7, w, w

#define rounds16() \
	round(0, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z0); \
	round(1, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z1); \
	round(2, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z2); \
	round(3, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z3); \
	round(4, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z4); \
	round(5, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z5); \
	round(6, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z6); \
	round(7, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z7); \
	round(8, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z8); \
	round(9, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z9); \
	round(10, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z10); \
	round(11, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z11); \
	round(12, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z12); \
	round(13, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z13); \
	round(14, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z14); \
	round(15, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z15)

#define schedule16() \
	schedule(Z0, Z1, Z9, Z14); \
	schedule(Z1, Z2, Z10, Z15); \
	schedule(Z2, Z3, Z11, Z0); \
	schedule(Z3, Z4, Z12, Z1); \
	schedule(Z4, Z5, Z13, Z2); \
	schedule(Z5, Z6, Z14, Z3); \
	schedule(Z6, Z7, Z15, Z4); \
	schedule(Z7, Z8, Z0, Z5); \
	schedule(Z8, Z9, Z1, Z6); \
	schedule(Z9, Z10, Z2, Z7); \
	schedule(Z10, Z11, Z3, Z8); \
	schedule(Z11, Z12, Z4, Z9); \
	schedule(Z12, Z13, Z5, Z10); \
	schedule(Z13, Z14, Z6, Z11); \
	schedule(Z14, Z15, Z7, Z12); \
	schedule(Z15, Z0, Z8, Z13)

// add adds a variable of the state to the working one, and keeps the sum.
#define add(i, r) \
	VPADDD    (i*64)(DI), r, r; \
	VMOVDQU32 r, (i*64)(DI)

// func blocksAVX512(state *[8][16]uint32, messages *[16]*byte, blocks int)
TEXT ·blocksAVX512(SB), NOSPLIT, $0-24
	MOVQ state+0(FP), DI
	MOVQ messages+8(FP), SI
	MOVQ blocks+16(FP), CX
	XORQ DX, DX
	VMOVDQU32 bigEndian<>(SB), Z28

block:
	load(0, Z0)
	load(1, Z1)
	load(2, Z2)
	load(3, Z3)
	load(4, Z4)
	load(5, Z5)
	load(6, Z6)
	load(7, Z7)
	load(8, Z8)
	load(9, Z9)
	load(10, Z10)
	load(11, Z11)
	load(12, Z12)
	load(13, Z13)
	load(14, Z14)
	load(15, Z15)

	// Rows are messages here, and words of the schedule then.
	transpose4(Z0, Z1, Z2, Z3)
	transpose4(Z4, Z5, Z6, Z7)
	transpose4(Z8, Z9, Z10, Z11)
	transpose4(Z12, Z13, Z14, Z15)
	transposeLanes(Z0, Z4, Z8, Z12)
	transposeLanes(Z1, Z5, Z9, Z13)
	transposeLanes(Z2, Z6, Z10, Z14)
	transposeLanes(Z3, Z7, Z11, Z15)

	VMOVDQU32 (0*64)(DI), Z16
	VMOVDQU32 (1*64)(DI), Z17
	VMOVDQU32 (2*64)(DI), Z18
	VMOVDQU32 (3*64)(DI), Z19
	VMOVDQU32 (4*64)(DI), Z20
	VMOVDQU32 (5*64)(DI), Z21
	VMOVDQU32 (6*64)(DI), Z22
	VMOVDQU32 (7*64)(DI), Z23

	LEAQ K<>(SB), AX
	MOVQ $3, BX
	rounds16()

more:
	ADDQ $64, AX
	schedule16()
	rounds16()
	DECQ BX
	JNZ  more

	add(0, Z16)
	add(1, Z17)
	add(2, Z18)
	add(3, Z19)
	add(4, Z20)
	add(5, Z21)
	add(6, Z22)
	add(7, Z23)

	ADDQ $64, DX
	DECQ CX
	JNZ  block

	VZEROUPPER
	RET

// The order in which the bytes of four words are big-endian.
DATA bigEndian<>+0(SB)/8, $0x0405060700010203
DATA bigEndian<>+8(SB)/8, $0x0c0d0e0f08090a0b
DATA bigEndian<>+16(SB)/8, $0x0405060700010203
DATA bigEndian<>+24(SB)/8, $0x0c0d0e0f08090a0b
DATA bigEndian<>+32(SB)/8, $0x0405060700010203
DATA bigEndian<>+40(SB)/8, $0x0c0d0e0f08090a0b
DATA bigEndian<>+48(SB)/8, $0x0405060700010203
DATA bigEndian<>+56(SB)/8, $0x0c0d0e0f08090a0b
GLOBL bigEndian<>(SB), RODATA|NOPTR, $64

DATA K<>+0(SB)/4, $0x428a2f98
DATA K<>+4(SB)/4, $0x71374491
DATA K<>+8(SB)/4, $0xb5c0fbcf
DATA K<>+12(SB)/4, $0xe9b5dba5
DATA K<>+16(SB)/4, $0x3956c25b
DATA K<>+20(SB)/4, $0x59f111f1
DATA K<>+24(SB)/4, $0x923f82a4
DATA K<>+28(SB)/4, $0xab1c5ed5
DATA K<>+32(SB)/4, $0xd807aa98
DATA K<>+36(SB)/4, $0x12835b01
DATA K<>+40(SB)/4, $0x243185be
DATA K<>+44(SB)/4, $0x550c7dc3
DATA K<>+48(SB)/4, $0x72be5d74
DATA K<>+52(SB)/4, $0x80deb1fe
DATA K<>+56(SB)/4, $0x9bdc06a7
DATA K<>+60(SB)/4, $0xc19bf174
DATA K<>+64(SB)/4, $0xe49b69c1
DATA K<>+68(SB)/4, $0xefbe4786
DATA K<>+72(SB)/4, $0x0fc19dc6
DATA K<>+76(SB)/4, $0x240ca1cc
DATA K<>+80(SB)/4, $0x2de92c6f
DATA K<>+84(SB)/4, $0x4a7484aa
DATA K<>+88(SB)/4, $0x5cb0a9dc
DATA K<>+92(SB)/4, $0x76f988da
DATA K<>+96(SB)/4, $0x983e5152
DATA K<>+100(SB)/4, $0xa831c66d
DATA K<>+104(SB)/4, $0xb00327c8
DATA K<>+108(SB)/4, $0xbf597fc7
DATA K<>+112(SB)/4, $0xc6e00bf3
DATA K<>+116(SB)/4, $0xd5a79147
DATA K<>+120(SB)/4, $0x06ca6351
DATA K<>+124(SB)/4, $0x14292967
DATA K<>+128(SB)/4, $0x27b70a85
DATA K<>+132(SB)/4, $0x2e1b2138
DATA K<>+136(SB)/4, $0x4d2c6dfc
DATA K<>+140(SB)/4, $0x53380d13
DATA K<>+144(SB)/4, $0x650a7354
DATA K<>+148(SB)/4, $0x766a0abb
DATA K<>+152(SB)/4, $0x81c2c92e
DATA K<>+156(SB)/4, $0x92722c85
DATA K<>+160(SB)/4, $0xa2bfe8a1
DATA K<>+164(SB)/4, $0xa81a664b
DATA K<>+168(SB)/4, $0xc24b8b70
DATA K<>+172(SB)/4, $0xc76c51a3
DATA K<>+176(SB)/4, $0xd192e819
DATA K<>+180(SB)/4, $0xd6990624
DATA K<>+184(SB)/4, $0xf40e3585
DATA K<>+188(SB)/4, $0x106aa070
DATA K<>+192(SB)/4, $0x19a4c116
DATA K<>+196(SB)/4, $0x1e376c08
DATA K<>+200(SB)/4, $0x2748774c
DATA K<>+204(SB)/4, $0x34b0bcb5
DATA K<>+208(SB)/4, $0x391c0cb3
DATA K<>+212(SB)/4, $0x4ed8aa4a
DATA K<>+216(SB)/4, $0x5b9cca4f
DATA K<>+220(SB)/4, $0x682e6ff3
DATA K<>+224(SB)/4, $0x748f82ee
DATA K<>+228(SB)/4, $0x78a5636f
DATA K<>+232(SB)/4, $0x84c87814
DATA K<>+236(SB)/4, $0x8cc70208
DATA K<>+240(SB)/4, $0x90befffa
DATA K<>+244(SB)/4, $0xa4506ceb
DATA K<>+248(SB)/4, $0xbef9a3f7
DATA K<>+252(SB)/4, $0xc67178f2
GLOBL K<>(SB), RODATA|NOPTR, $256
