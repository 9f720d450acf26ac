/* SPDX-License-Identifier: MIT */
/* Attacks by memory accesses, jumps, calls and waiting. */
#include "hostile.h"

#define PSCI_BASE 0x84000000ul

/* An access of any size, aligned or not. */
static void poke(uint64_t at, uint64_t random)
{
	uint64_t value = random64();

	switch (random % 8) {
	case 0:
		__asm__ volatile("strb %w0, [%1]" : : "r"(value), "r"(at) : "memory");
		break;
	case 1:
		__asm__ volatile("strh %w0, [%1]" : : "r"(value), "r"(at) : "memory");
		break;
	case 2:
	case 3:
		store(at, (uint32_t)value);
		break;
	case 4:
		__asm__ volatile("str %0, [%1]" : : "r"(value), "r"(at) : "memory");
		break;
	case 5:
		__asm__ volatile("ldrsb %0, [%1]" : "=r"(value) : "r"(at) : "memory");
		break;
	case 6:
		(void)load(at);
		break;
	default:
		__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(at) : "memory");
		break;
	}
}

/* Accesses whose syndrome does not say what they are. */
static void poke_oddly(uint64_t at, uint64_t random)
{
	uint64_t value = random64(), status;

	switch (random % 6) {
	case 0:
		__asm__ volatile("stp %0, %0, [%1]" : : "r"(value), "r"(at) : "memory");
		break;
	case 1:
		__asm__ volatile("ldp %0, xzr, [%1]" : "=r"(value) : "r"(at) : "memory");
		break;
	case 2:
		__asm__ volatile("str %1, [%0], #8" : "+r"(at) : "r"(value) : "memory");
		break;
	case 3:
		__asm__ volatile("ldxr %0, [%2]\n\tstxr %w1, %0, [%2]"
				 : "=&r"(value), "=&r"(status)
				 : "r"(at)
				 : "memory");
		break;
	case 4:
		__asm__ volatile(".arch_extension fp\n\tstr q0, [%0]" : : "r"(at) : "memory");
		break;
	default:
		__asm__ volatile("dc civac, %0\n\tdc zva, %0" : : "r"(at) : "memory");
		break;
	}
}

static uint64_t somewhere(uint64_t random)
{
	static const uint64_t places[] = {
		UART,
		RTC,
		GPIO,
		GICD,
		GICC,
		GICR,
		VIRTIO,
		0,
		0x3eff0000,
		0x10000000,
		RAM + RAM_SIZE - 0x100,
		RAM + RAM_SIZE,
		0x4000000000,
		0x8000000000,
		0xfffffffff000,
	};

	return places[random % (sizeof(places) / sizeof(places[0]))] + (random >> 32 & 0xfff);
}

static void flood(uint64_t random)
{
	uint64_t at = somewhere(random) & ~7ul;

	/* The clock's load register counts the lives. */
	if (at == RTC + 8)
		return;
	poke(at, random >> 8);
}

static void unaligned(uint64_t random)
{
	uint64_t at = somewhere(random);

	if (at >> 12 == RTC >> 12)
		return;
	if (random & 1ul << 60)
		poke(at, random >> 8);
	else
		poke_oddly(at, random >> 8);
}

static void jump(uint64_t random)
{
	uint64_t at = random & 1 ? somewhere(random >> 1) : random64() >> below(40);

	/* In our own memory it would go on for long. */
	if (at - RAM < RAM_SIZE)
		at += RAM_SIZE;
	__asm__ volatile("blr %0" : : "r"(at) : "x30", "memory");
}

/* All but what ends the life. */
static void calls(uint64_t random)
{
	uint64_t function;

	switch (random % 4) {
	case 0:
		function = PSCI_BASE | (random >> 8 & 0x4000001f);
		break;
	case 1:
		function = 0xc6000000 | (random >> 8 & 0xff);
		break;
	case 2:
		function = 0x80000000 | (random >> 8 & 0x3f00ffff);
		break;
	default:
		function = random64();
		break;
	}
	if ((function & 0xbffffff8) == 0x84000008 || (function & 0xbfffffff) == 0x84000002 ||
	    (uint32_t)function == 0x84000012)
		return;
	wake_soon();
	(void)smccc(function, random64() >> below(64), random64() >> below(64),
		    random64() >> below(64), random & 1ul << 62);
}

static void waiting(uint64_t random)
{
	wake_soon();
	if (random & 1)
		__asm__ volatile("wfi" : : : "memory");
	else if (random & 2)
		__asm__ volatile("wfi\n\tmsr daifclr, #2\n\tisb\n\tmsr daifset, #2" : : : "memory");
	else
		__asm__ volatile("sev\n\twfe\n\tyield" : : : "memory");
}

/* With an identity mapping of the RAM, and nonsense beside it. */
static void tables(uint64_t random)
{
	uint64_t *table = (uint64_t *)(SCRATCH + (this_cpu()->saved[12] & 0x38000));
	unsigned entry = (unsigned)(random % 511);

	entry += entry >= 1;
	for (unsigned i = 0; i < 512; i++)
		table[i] = 0;
	table[1] = RAM | 0x705; /* block, inner shareable, accessed */
	switch (random >> 16 & 3) {
	case 0:
		table[entry] = somewhere(random >> 20) | 3;
		break;
	case 1:
		table[entry] = (RAM + below(RAM_SIZE)) | 3;
		break;
	case 2:
		table[entry] = random64() | 1;
		break;
	default:
		table[entry] = (uint64_t)(uintptr_t)table | 3; /* itself */
		break;
	}
	WRITE(mair_el1, 0x0404ff04ff04ff04);
	WRITE(ttbr0_el1, (uintptr_t)table);
	WRITE(tcr_el1, 25 | 1ul << 23 | (random >> 18 & 0x3f00));
	__asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb" : : : "memory");
	WRITE(sctlr_el1, READ(sctlr_el1) | 1);
	poke((uint64_t)entry << 30 | (random >> 24 & 0x3fffffff), random);
}

static void set_way(uint64_t random)
{
	switch (random % 4) {
	case 0:
		__asm__ volatile("dc isw, %0" : : "r"(random) : "memory");
		break;
	case 1:
		__asm__ volatile("dc csw, %0" : : "r"(random) : "memory");
		break;
	case 2:
		__asm__ volatile("dc cisw, %0" : : "r"(random) : "memory");
		break;
	default:
		__asm__ volatile("ic iallu\n\tic ialluis\n\ttlbi vmalle1is\n\tdsb sy");
		break;
	}
}

#define RING                                                                                       \
	0x1000 /* from the descriptors to the available ring, and from there to the used one       \
		*/

/* Descriptors and an available ring, more or less plausible. */
static void make_rings(uint64_t at, unsigned size, unsigned sense)
{
	volatile uint64_t *desc = (volatile uint64_t *)at;
	volatile uint16_t *avail = (volatile uint16_t *)(at + RING);

	for (unsigned i = 0; i < size; i++) {
		desc[2 * i] = RAM + below(sense ? RAM_SIZE - 0x10000 : 2 * RAM_SIZE);
		desc[2 * i + 1] = random64() >> below(sense ? 1 : 64);
		if (sense)
			desc[2 * i + 1] = below(0x1000) | below(2) << 32 | below(size) << 48;
		avail[2 + i] = (uint16_t)below(sense ? size : 0x10000);
	}
	avail[0] = (uint16_t)below(2);
	avail[1] = (uint16_t)below(size + 2);
}

/* A driver of nonsense, up to its notifications. */
static void virtio(uint64_t random)
{
	uint64_t base = VIRTIO + (random & 7 ? 0 : (random >> 3 & 0x1f) * 0x200);
	uint64_t at = SCRATCH + (this_cpu()->saved[12] & 0x38000);
	unsigned size = 1u << below(8), sense = random >> 20 & 3;

	make_rings(at, size, sense);
	store(base + 0x70, 0);
	store(base + 0x24, 1);
	store(base + 0x20, 1);
	store(base + 0x24, 0);
	store(base + 0x20, (uint32_t)(random >> 24 & 1) << 29);
	store(base + 0x70, 0xb);
	store(base + 0x30, (uint32_t)below(sense ? 2 : 4));
	store(base + 0x38, size);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t part = sense || below(4) ? at + i * RING : random64();

		store(base + 0x80 + i * 0x10, (uint32_t)part);
		store(base + 0x84 + i * 0x10, (uint32_t)(part >> 32));
	}
	store(base + 0x44, 1);
	store(base + 0x70, 0xf);
	for (unsigned i = 0; i < 4; i++) {
		((volatile uint16_t *)(at + RING))[1] += (uint16_t)below(3);
		store(base + 0x50, (uint32_t)below(3));
	}
	poke(base + below(0x200), random >> 16);
}

const struct attack attacks[] = {
	{"flood", flood},  {"unaligned", unaligned}, {"jump", jump},	   {"calls", calls},
	{"wait", waiting}, {"tables", tables},	     {"set/way", set_way}, {"virtio", virtio},
};
const unsigned attacks_count = sizeof(attacks) / sizeof(attacks[0]);
