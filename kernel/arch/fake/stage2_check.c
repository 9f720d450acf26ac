/* SPDX-License-Identifier: MIT */
/* Watches arch/arm's page-table code, which runs here unchanged: only what is unmapped is mapped,
 * only what is mapped is unmapped, and TLBs hear of it. */
#include <arch/entry.h>
#include <arch/fake.h>
#include <arch/stage2.h>

static u64 invalidations;

u32 arch_vmids(void)
{
	return 256;
}

void stage2_invalidate(const struct stage2 *s2)
{
	ASSERT(s2->vmid);
	invalidations++;
}

bool fake_translate(const struct stage2 *s2, u64 ipa, u64 *pa, u64 *left)
{
	static const unsigned shift[] = {L1_SHIFT, L2_SHIFT, L3_SHIFT};
	const u64 *table = s2->root;

	for (unsigned level = 0; level < 3; level++) {
		u64 entry = table[ipa >> shift[level] & (TABLE_ENTRIES - 1)];
		u64 size = 1ul << shift[level];

		*left = size - (ipa & (size - 1));
		if (!(entry & ENTRY_VALID))
			return false;
		if (level == 2 || (entry & ENTRY_TYPE) == ENTRY_BLOCK) {
			*pa = (entry & ENTRY_ADDRESS) + (ipa & (size - 1));
			return true;
		}
		table = entry_table(entry);
	}
	return false;
}

static bool all_are(const struct stage2 *s2, u64 ipa, u64 end, bool valid)
{
	u64 pa, left;

	for (; ipa < end; ipa += left)
		if (fake_translate(s2, ipa, &pa, &left) != valid)
			return false;
	return true;
}

int __wrap_stage2_map(struct stage2 *s2, ipaddr_t ipa, paddr_t pa, u64 size, u64 flags,
		      stage2_alloc_fn alloc, void *arg, u64 *done) MUST_CHECK;
int __real_stage2_map(struct stage2 *s2, ipaddr_t ipa, paddr_t pa, u64 size, u64 flags,
		      stage2_alloc_fn alloc, void *arg, u64 *done) MUST_CHECK;
void __wrap_stage2_unmap(struct stage2 *s2, ipaddr_t ipa, u64 size, u64 *done);
void __real_stage2_unmap(struct stage2 *s2, ipaddr_t ipa, u64 size, u64 *done);

int __wrap_stage2_map(struct stage2 *s2, ipaddr_t ipa, paddr_t pa, u64 size, u64 flags,
		      stage2_alloc_fn alloc, void *arg, u64 *done)
{
	u64 before = *done, at, left;
	int err;

	ASSERT(IS_ALIGNED(ipa.v | pa.v | size, PAGE_SIZE) && ipa.v + size <= 1ul << STAGE2_BITS);
	ASSERT(before < size && all_are(s2, ipa.v + before, ipa.v + size, false));
	err = __real_stage2_map(s2, ipa, pa, size, flags, alloc, arg, done);
	ASSERT(*done <= size && *done >= before && (err || *done > before));
	for (u64 i = before; i < *done; i += left)
		ASSERT(fake_translate(s2, ipa.v + i, &at, &left) && at == pa.v + i);
	ASSERT(all_are(s2, ipa.v + *done, ipa.v + size, false));
	return err;
}

void __wrap_stage2_unmap(struct stage2 *s2, ipaddr_t ipa, u64 size, u64 *done)
{
	u64 before = *done, told = invalidations;

	ASSERT(before < size && all_are(s2, ipa.v + before, ipa.v + size, true));
	__real_stage2_unmap(s2, ipa, size, done);
	ASSERT(*done > before && *done <= size && invalidations > told);
	ASSERT(all_are(s2, ipa.v, ipa.v + *done, false));
	ASSERT(all_are(s2, ipa.v + *done, ipa.v + size, true));
}
