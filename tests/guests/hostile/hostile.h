/* SPDX-License-Identifier: MIT */
/*
 * A guest that does what no guest should, chosen by pseudo-random numbers: the same seed, the same
 * nonsense. main.c leads it through its lives, attacks.c and registers.c have what it does.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#define UART 0x09000000ul
#define RTC 0x09010000ul
#define GPIO 0x09030000ul
#define GICD 0x08000000ul
#define GICC 0x08010000ul
#define GICR 0x080a0000ul
#define VIRTIO 0x0a000000ul
#define RAM 0x40000000ul
#define RAM_SIZE 0x00800000ul
#define SCRATCH (RAM + 0x00600000ul) /* a megabyte that only attacks use */
#define SCRATCH_SIZE 0x00100000ul

/* start.S knows the first words: x19..x30 and sp of attempt(). */
struct cpu {
	uint64_t saved[13];
	uint64_t random;
	uint64_t keep;	/* interrupts that are taken and not ended */
	uint64_t taken; /* interrupts */
	uint32_t code[4];
};
_Static_assert(sizeof(struct cpu) <= 256, "start.S");

#define READ(reg)                                                                                  \
	({                                                                                         \
		uint64_t v_;                                                                       \
		__asm__ volatile("mrs %0, " #reg : "=r"(v_) : : "memory");                         \
		v_;                                                                                \
	})
#define WRITE(reg, value)                                                                          \
	__asm__ volatile("msr " #reg ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

struct cpu *this_cpu(void);
bool attempt(void (*fn)(uint64_t), uint64_t arg);
void guest_defaults(void);
void secondary(void);
void guest_main(const uint8_t *tree, uint64_t index);
uint64_t guest_interrupt(void);

static inline uint32_t load(uint64_t at)
{
	uint32_t v;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(at) : "memory");
	return v;
}

static inline void store(uint64_t at, uint32_t v)
{
	__asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(at) : "memory");
}

/* main.c */
uint64_t random64(void);
uint64_t below(uint64_t n);
bool gic3(void);
uint64_t smccc(uint64_t function, uint64_t a, uint64_t b, uint64_t c, bool smc);
/* Sees to it that the timer ends the next wait, whatever was done to the controller. */
void wake_soon(void);

struct attack {
	const char *name;
	void (*run)(uint64_t random); /* once; may take an exception */
};
extern const struct attack attacks[], register_attacks[];
extern const unsigned attacks_count, register_attacks_count;
#endif
