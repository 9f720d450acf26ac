/* SPDX-License-Identifier: MIT */
#include <arch/cache.h>
#include <arch/inline.h>

/* CTR_EL0: bits 15..14 the policy of the instruction cache (3: PIPT), 19..16 and 3..0 the smallest
 * lines of data and instruction caches, log2 of words. DCZID_EL0: bit 4 prohibits DC ZVA, bits
 * 3..0 log2 of words that it zeroes. */
#define CTR_PIPT(ctr) (((ctr) >> 14 & 3) == 3)
#define CTR_DLINE(ctr) (4ul << ((ctr) >> 16 & 0xf))
#define CTR_ILINE(ctr) (4ul << ((ctr)&0xf))
#define DCZID_PROHIBITED 0x10

/* Of a page, sixteen times in a row: a line larger than MAX_STEP is gone over more than once. */
#define MAX_STEP (PAGE_SIZE / 16)
#define FOR_LINES(instruction, p, size, line)                                                      \
	for (u64 a_ = (u64)(p); a_ < (u64)(p) + (size);)                                           \
	__asm__ volatile(".rept 16\n\t" instruction ", %0\n\tadd %0, %0, %1\n\t.endr"              \
			 : "+r"(a_)                                                                \
			 : "r"(MIN((u64)(line), (u64)MAX_STEP))                                    \
			 : "memory")

void cache_clean_invalidate(const void *p, u64 size)
{
	u64 line = CTR_DLINE(READ_SYSREG(ctr_el0));

	FOR_LINES("dc civac", p, size, line);
	dsb_sy();
}

void cache_sync_code(const void *p, u64 size)
{
	u64 ctr = READ_SYSREG(ctr_el0);
	u64 dline = CTR_DLINE(ctr), iline = CTR_ILINE(ctr);

	FOR_LINES("dc cvau", p, size, dline);
	dsb_ish();
	if (CTR_PIPT(ctr)) {
		FOR_LINES("ic ivau", p, size, iline);
	} else { /* the code runs at another address than p, and the cache is looked up by that */
		__asm__ volatile("ic ialluis" : : : "memory");
	}
	dsb_ish();
	isb();
}

void zero_pages(void *p, u64 size)
{
	u64 dczid = READ_SYSREG(dczid_el0);
	u64 block = 4ul << (dczid & 0xf);
	u64 end = (u64)p + size;

	if (dczid & DCZID_PROHIBITED || block > PAGE_SIZE / 16) {
		memset(p, 0, size);
		return;
	}
	for (u64 a = (u64)p; a < end;)
		__asm__ volatile(".rept 16\n\tdc zva, %0\n\tadd %0, %0, %1\n\t.endr"
				 : "+r"(a)
				 : "r"(block)
				 : "memory");
}
