/* SPDX-License-Identifier: MIT */
/*
 * The virtio transport and its queues, against drivers that are right and such that are not. The
 * guest's memory is of just its size here, so that the sanitizer sees every step beyond it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../vmm/core/log.h"
#include "../../vmm/dev/virtio_mmio.h"
#include "tap.h"

#define RAM_SIZE 0x10000u
#define END (GUEST_RAM + RAM_SIZE)
#define SIZE 8 /* of the queues here */
#define TRIES 300000

enum { QUEUE_SEL = 0x30, QUEUE_NUM = 0x38, QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50 };
enum { INTERRUPT = 0x60, ACK = 0x64, STATUS = 0x70, DESC = 0x80, AVAIL = 0x90, USED = 0xa0 };
enum { FEATURES = 0x10, FEATURES_SEL = 0x14, ACCEPT = 0x20, ACCEPT_SEL = 0x24, CONFIG = 0x100 };
enum { FEATURES_OK = 8, DRIVER_OK = 4, NEEDS_RESET = 0x40 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
#define SET_UP (3 | FEATURES_OK)
#define EVENT_IDX 0x20000000u

/* Where the driver has its queue, and data. */
#define DESC_AT GUEST_RAM
#define AVAIL_AT (GUEST_RAM + 0x1000)
#define USED_AT (GUEST_RAM + 0x2000)
#define DATA_AT (GUEST_RAM + 0x3000)

static struct machine machine;
static struct virtio virtio;
static unsigned notified, logged, resets;

/* --- What the transport is built on ----------------------------------------------------------- */

/* As memory.c has it. */
void *memory_at(struct machine *m, uint64_t address, uint64_t size)
{
	uint64_t offset = address - GUEST_RAM;

	if (address < GUEST_RAM || offset > m->ram_size || size > m->ram_size - offset)
		return NULL;
	return m->memory + offset;
}

void device_line(struct device *dev, struct vcpu *v, bool high)
{
	(void)v;
	dev->line = high;
}

void vmm_log(const char *format, ...)
{
	(void)format;
	logged++;
}

/* The tree is not looked at here. */
/* clang-format off */
void tree_begin(struct tree *f, const char *name, uint64_t unit) { (void)f, (void)name, (void)unit; }
void tree_end(struct tree *f) { (void)f; }
void tree_prop(struct tree *f, const char *name, const void *data, unsigned size)
{ (void)f, (void)name, (void)data, (void)size; }
void tree_string(struct tree *f, const char *name, const char *value) { (void)f, (void)name, (void)value; }
void tree_reg(struct tree *f, uint64_t base, uint64_t size) { (void)f, (void)base, (void)size; }
void tree_interrupt(struct tree *f, uint32_t intid) { (void)f, (void)intid; }
/* clang-format on */

/* --- A device, and a driver for it ------------------------------------------------------------ */

static void on_reset(struct virtio *vd)
{
	(void)vd;
	resets++;
}

static void on_notify(struct virtio *vd, struct vcpu *v, unsigned queue)
{
	(void)vd, (void)v, (void)queue;
	notified++;
}

static const uint8_t config[6] = {1, 2, 3, 4, 5, 6};
static const struct virtio_ops ops = {.id = 3,
				      .queues = 2,
				      .reset = on_reset,
				      .notify = on_notify,
				      .config = config,
				      .config_size = sizeof(config)};
static struct device device = {.machine = &machine, .state = &virtio};
static struct virtq *const q = &virtio.queue[0];

static void store(uint64_t offset, uint32_t value)
{
	struct mmio io = {.offset = offset, .value = value, .size = 4, .write = true};

	if (!virtio_access(&device, &io))
		abort();
}

static uint32_t load(uint64_t offset)
{
	struct mmio io = {.offset = offset, .size = 4};

	if (!virtio_access(&device, &io))
		abort();
	return (uint32_t)io.value;
}

static struct virtq_desc *desc(unsigned n)
{
	return (struct virtq_desc *)machine.memory + n;
}

static struct virtq_avail *avail(void)
{
	return (struct virtq_avail *)(machine.memory + (AVAIL_AT - GUEST_RAM));
}

static struct virtq_used *used(void)
{
	return (struct virtq_used *)(machine.memory + (USED_AT - GUEST_RAM));
}

static void negotiate(uint32_t low)
{
	store(STATUS, 3);
	store(ACCEPT_SEL, 0);
	store(ACCEPT, low);
	store(ACCEPT_SEL, 1);
	store(ACCEPT, 1);
	store(STATUS, SET_UP);
}

static void place(uint32_t size, uint64_t desc_at, uint64_t avail_at, uint64_t used_at)
{
	store(QUEUE_SEL, 0);
	store(QUEUE_NUM, size);
	store(DESC, (uint32_t)desc_at);
	store(DESC + 4, (uint32_t)(desc_at >> 32));
	store(AVAIL, (uint32_t)avail_at);
	store(AVAIL + 4, (uint32_t)(avail_at >> 32));
	store(USED, (uint32_t)used_at);
	store(USED + 4, (uint32_t)(used_at >> 32));
	store(QUEUE_READY, 1);
}

/* After power-on, with empty memory. */
static void power_on(void)
{
	free(machine.memory);
	machine.memory = calloc(1, RAM_SIZE);
	machine.ram_size = RAM_SIZE;
	virtio = (struct virtio){.ops = &ops, .dev = &device};
	device.line = false;
	notified = logged = resets = 0;
	virtio_reset(&device);
}

static void start(uint32_t features)
{
	power_on();
	negotiate(features);
	place(SIZE, DESC_AT, AVAIL_AT, USED_AT);
	store(STATUS, SET_UP | DRIVER_OK);
}

static void describe(unsigned n, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	*desc(n) = (struct virtq_desc){addr, len, flags, next};
}

static void offer(uint16_t head)
{
	avail()->ring[avail()->idx % SIZE] = head;
	avail()->idx++;
}

static bool stopped(void)
{
	return load(STATUS) & NEEDS_RESET;
}

/* Bytes that the device gets out of the next chain; -1: there is none. */
static int64_t read_all(uint8_t *to, uint32_t len)
{
	struct virtq_chain chain;
	uint32_t n;

	if (!virtq_take(&virtio, q, &chain))
		return -1;
	n = virtq_read(&virtio, q, &chain, to, len);
	virtq_return(&virtio, q, &chain, 0);
	return n;
}

static int64_t write_all(const uint8_t *from, uint32_t len)
{
	struct virtq_chain chain;
	uint32_t n;

	if (!virtq_take(&virtio, q, &chain))
		return -1;
	n = virtq_write(&virtio, q, &chain, from, len);
	virtq_return(&virtio, q, &chain, n);
	return n;
}

/* --- Drivers that are right ------------------------------------------------------------------- */

TEST(registers_of_the_transport)
{
	power_on();
	CHECK(load(0) == 0x74726976 && load(4) == 2 && load(8) == 3);
	CHECK(load(0x34) == VIRTIO_QUEUE_MAX);
	store(QUEUE_SEL, 2);
	CHECK(!load(0x34) && !load(QUEUE_READY)); /* there are two queues */
	store(QUEUE_READY, 1);
	store(QUEUE_NUM, 8);
	CHECK(!stopped());
	store(FEATURES_SEL, 1);
	CHECK(load(FEATURES) == 1);
	store(FEATURES_SEL, 2);
	CHECK(!load(FEATURES));
	CHECK(load(0xb0) == ~0u && load(0xb8) == ~0u);
}

TEST(configuration_has_an_end)
{
	struct mmio io = {.offset = CONFIG + 4, .size = 2};

	power_on();
	CHECK(virtio_access(&device, &io) && io.value == 0x0605);
	io = (struct mmio){.offset = CONFIG + 4, .size = 4};
	CHECK(virtio_access(&device, &io) && !io.value);
	io = (struct mmio){.offset = CONFIG + 0xf8, .size = 8};
	CHECK(virtio_access(&device, &io) && !io.value);
	io = (struct mmio){.offset = CONFIG, .size = 4, .value = 9, .write = true};
	CHECK(virtio_access(&device, &io) && config[0] == 1);
	io = (struct mmio){.offset = STATUS, .size = 1};
	CHECK(!virtio_access(&device, &io)); /* registers are words */
}

TEST(features_are_agreed_on)
{
	power_on();
	store(STATUS, SET_UP | DRIVER_OK);
	CHECK(load(STATUS) == 3); /* without VERSION_1 it does not work, and so does not start */
	store(ACCEPT_SEL, 1);
	store(ACCEPT, 3); /* one that was not offered */
	store(STATUS, SET_UP);
	CHECK(!(load(STATUS) & FEATURES_OK));
	store(ACCEPT_SEL, 77);
	store(ACCEPT, ~0u);
	store(ACCEPT_SEL, 1);
	store(ACCEPT, 1);
	store(STATUS, SET_UP);
	CHECK(load(STATUS) & FEATURES_OK);
	store(ACCEPT, 3); /* too late */
	CHECK(virtio.features == 1ull << 32);
}

TEST(reads_a_chain_of_several)
{
	uint8_t data[16] = {0};

	start(0);
	memcpy(machine.memory + 0x3000, "abc", 3);
	memcpy(machine.memory + RAM_SIZE - 2, "de", 2);
	describe(0, DATA_AT, 3, NEXT, 5);
	describe(5, DATA_AT, 0, NEXT, 2); /* an empty one is no end */
	describe(2, END - 2, 2, 0, 0);	  /* to the last byte */
	offer(0);
	store(QUEUE_NOTIFY, 0);
	CHECK(notified == 2); /* once at its start */
	CHECK(read_all(data, sizeof(data)) == 5 && !memcmp(data, "abcde", 5));
	CHECK(used()->idx == 1 && used()->ring[0].id == 0);
	CHECK(!virtq_settle(&virtio, NULL, q) && device.line && load(INTERRUPT) == 1);
	store(ACK, 1);
	CHECK(!device.line && !stopped());
	CHECK(read_all(data, sizeof(data)) == -1);
}

TEST(writes_as_much_as_there_is_room)
{
	uint8_t data[64];

	start(0);
	memset(data, 'x', sizeof(data));
	describe(1, DATA_AT, 10, WRITE | NEXT, 0);
	describe(0, DATA_AT + 100, 20, WRITE, 0);
	offer(1);
	CHECK(write_all(data, sizeof(data)) == 30);
	CHECK(used()->ring[0].id == 1 && used()->ring[0].len == 30);
	CHECK(machine.memory[0x3009] == 'x' && !machine.memory[0x300a]);
	CHECK(machine.memory[0x3000 + 119] == 'x' && !machine.memory[0x3000 + 120]);
	avail()->flags = 1; /* no interrupt, please */
	virtq_settle(&virtio, NULL, q);
	CHECK(!device.line);
}

TEST(indices_wrap_around)
{
	uint8_t data[4];

	start(0);
	for (uint32_t i = 0; i < 70000; i++) {
		unsigned head = i % SIZE;

		describe(head, DATA_AT + head, 1, 0, 0);
		machine.memory[0x3000 + head] = (uint8_t)i;
		offer((uint16_t)head);
		CHECK(read_all(data, sizeof(data)) == 1 && data[0] == (uint8_t)i);
		CHECK(used()->idx == (uint16_t)(i + 1) && used()->ring[i % SIZE].id == head);
	}
	CHECK(!stopped());
}

TEST(events_across_the_wrap)
{
	uint8_t data[4];
	unsigned lines = 0;

	start(EVENT_IDX);
	describe(0, DATA_AT, 1, 0, 0);
	for (uint32_t i = 0; i < 3 * 65536; i++) {
		offer(0);
		/* To be told of every 1000th. */
		avail()->ring[SIZE] = (uint16_t)(i / 1000 * 1000);
		CHECK(read_all(data, sizeof(data)) == 1);
		CHECK(!virtq_settle(&virtio, NULL, q));
		CHECK(*(uint16_t *)&used()->ring[SIZE] == (uint16_t)(i + 1));
		lines += device.line;
		store(ACK, ~0u);
	}
	CHECK(lines == 3 * 65536 / 1000 + 1);
}

/* --- Drivers that are not --------------------------------------------------------------------- */

TEST(queues_where_none_can_be)
{
	static const struct {
		uint32_t size;
		uint64_t desc, avail, used;
	} bad[] = {
		{0, DESC_AT, AVAIL_AT, USED_AT},
		{3, DESC_AT, AVAIL_AT, USED_AT},
		{256, DESC_AT, AVAIL_AT, USED_AT},
		{~0u, DESC_AT, AVAIL_AT, USED_AT},
		{SIZE, DESC_AT + 8, AVAIL_AT, USED_AT},
		{SIZE, DESC_AT, AVAIL_AT + 1, USED_AT},
		{SIZE, DESC_AT, AVAIL_AT, USED_AT + 2},
		{SIZE, GUEST_RAM - 16, AVAIL_AT, USED_AT},
		{SIZE, END - SIZE * 16 + 16, AVAIL_AT, USED_AT},
		{SIZE, DESC_AT, END - 4 - SIZE * 2, USED_AT},  /* without used_event */
		{SIZE, DESC_AT, AVAIL_AT, END - 4 - SIZE * 8}, /* without avail_event */
		{SIZE, 0, AVAIL_AT, USED_AT},
		{SIZE, DESC_AT, UINT64_MAX - 1, USED_AT},
		{SIZE, DESC_AT, AVAIL_AT, UINT64_MAX - 3},
		{SIZE, UINT64_MAX - 15, AVAIL_AT, USED_AT},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		power_on();
		negotiate(0);
		place(bad[i].size, bad[i].desc, bad[i].avail, bad[i].used);
		CHECK(!load(QUEUE_READY) && stopped() && logged == 1);
		store(STATUS, SET_UP | DRIVER_OK);
		CHECK(!notified);
		store(STATUS, 0);
		CHECK(!load(STATUS) && resets == 2);
		start(0); /* and all is good again */
		CHECK(load(QUEUE_READY) && !stopped());
	}
}

TEST(queues_up_to_the_last_byte)
{
	uint8_t data[4];
	uint64_t used_at = END - 4 - SIZE * 8 - 2 - 2;

	power_on();
	negotiate(EVENT_IDX);
	place(SIZE, DESC_AT, AVAIL_AT, used_at);
	store(STATUS, SET_UP | DRIVER_OK);
	describe(0, DATA_AT, 4, 0, 0);
	offer(0);
	CHECK(read_all(data, 4) == 4 && !virtq_settle(&virtio, NULL, q) && !stopped());
}

TEST(a_queue_that_runs_stays_where_it_is)
{
	uint8_t data[4];

	start(0);
	place(2, 0, 0, 0);
	store(QUEUE_READY, 0);
	CHECK(load(QUEUE_READY) && q->size == SIZE);
	describe(0, DATA_AT, 4, 0, 0);
	offer(0);
	CHECK(read_all(data, 4) == 4 && !stopped());
}

/* The chain that starts at descriptor 0 stops the device. */
static bool stops(bool write)
{
	uint8_t data[64] = {0};

	offer(0);
	(void)(write ? write_all(data, sizeof(data)) : read_all(data, sizeof(data)));
	virtq_settle(&virtio, NULL, q);
	return stopped() && load(INTERRUPT) & 2 && device.line && read_all(data, 1) == -1;
}

TEST(loops_of_descriptors)
{
	for (unsigned length = 1; length <= SIZE; length++)
		for (uint32_t len = 0; len < 3; len++) {
			start(0);
			for (unsigned i = 0; i < length; i++)
				describe(i, DATA_AT, len, NEXT, (uint16_t)((i + 1) % length));
			CHECK(stops(false));
		}
	/* As long as there are descriptors is no loop. */
	start(0);
	for (unsigned i = 0; i < SIZE; i++)
		describe(i, DATA_AT, 1, i + 1 < SIZE ? NEXT : 0, (uint16_t)(i + 1));
	offer(0);
	CHECK(read_all((uint8_t[SIZE]){0}, SIZE) == SIZE && !stopped());
}

TEST(descriptors_that_make_no_sense)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
		bool write;
	} bad[] = {
		{GUEST_RAM - 1, 1, 0, 0, false},
		{GUEST_RAM - 1, 2, 0, 0, false},
		{0, 4, 0, 0, false},
		{END - 3, 4, 0, 0, false},
		{END, 1, 0, 0, false},
		{END + 1, 0, 0, 0, false},
		{DATA_AT, UINT32_MAX, 0, 0, false},
		{UINT64_MAX, 2, 0, 0, false},
		{UINT64_MAX - 3, 8, 0, 0, true},
		{DATA_AT, 4, WRITE, 0, false},
		{DATA_AT, 4, 0, 0, true},
		{DATA_AT, 16, INDIRECT, 0, false},
		{DATA_AT, 16, INDIRECT | WRITE, 0, true},
		{DATA_AT, 4, 0x8000, 0, false},
		{DATA_AT, 4, NEXT, SIZE, false},
		{DATA_AT, 4, NEXT, 0xffff, false},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(0);
		describe(0, bad[i].addr, bad[i].len, bad[i].flags, bad[i].next);
		CHECK(stops(bad[i].write));
		/* In the middle of a chain as well. */
		start(0);
		describe(0, DATA_AT, 1, NEXT | (bad[i].write ? WRITE : 0), 3);
		*desc(3) = (struct virtq_desc){bad[i].addr, bad[i].len, bad[i].flags, bad[i].next};
		CHECK(stops(bad[i].write));
	}
}

TEST(available_rings_that_make_no_sense)
{
	struct virtq_chain chain;

	start(0);
	avail()->idx = SIZE + 1;
	CHECK(!virtq_take(&virtio, q, &chain) && stopped());
	start(0);
	avail()->idx = 0xffff;
	CHECK(!virtq_take(&virtio, q, &chain) && stopped());
	for (unsigned head = SIZE; head < 0x10000; head = head * 2 + 1) {
		start(0);
		offer((uint16_t)head);
		CHECK(!virtq_take(&virtio, q, &chain) && stopped());
	}
}

TEST(a_reset_while_a_chain_is_under_way)
{
	uint8_t data[4] = {0};
	struct virtq_chain chain;

	start(0);
	describe(0, DATA_AT, 4, WRITE, 0);
	offer(0);
	CHECK(virtq_take(&virtio, q, &chain));
	store(STATUS, 0);
	virtq_return(&virtio, q, &chain, 4);
	CHECK(!used()->idx && !virtq_settle(&virtio, NULL, q) && !device.line);
	CHECK(read_all(data, 4) == -1 && !stopped());
}

/* One that does anything: nothing is touched beyond its memory, and nothing goes on for ever. */

static uint32_t any(void)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static uint64_t any_address(void)
{
	switch (any() % 64) {
	case 0:
		return (uint64_t)any() << 40 | any();
	case 1:
		return END - any() % 64;
	default:
		return GUEST_RAM + any() % RAM_SIZE;
	}
}

static void do_anything(void)
{
	uint8_t data[200] = {0};

	switch (any() % 8) {
	case 0:
		if (any() % 16 == 0)
			store(any() % 64 * 4, any() % 2 ? any() : any() % 16);
		break;
	case 1:
		describe(any() % SIZE, any_address(), any() % 32 ? any() % 100 : any() << 8,
			 (uint16_t)(any() % 32 ? any() % 4 : any()),
			 (uint16_t)(any() % (any() % 32 ? SIZE : SIZE + 2)));
		break;
	case 2:
		avail()->idx = (uint16_t)(any() % 32 ? q->taken + any() % SIZE : any());
		break;
	case 3:
		avail()->ring[any() % (SIZE + 1)] =
			(uint16_t)(any() % (any() % 32 ? SIZE : SIZE + 2));
		break;
	case 4:
	case 5:
		(void)read_all(data, any() % sizeof(data));
		break;
	case 6:
		(void)write_all(data, any() % sizeof(data));
		break;
	default:
		(void)virtq_settle(&virtio, NULL, q);
		break;
	}
}

TEST(a_driver_that_does_anything)
{
	unsigned worked = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		if (i % 200 == 0 || (stopped() && any() % 8 == 0))
			start(any() % 2 ? EVENT_IDX : 0);
		do_anything();
		worked += q->returned != 0;
	}
	CHECK(worked > TRIES / 20); /* else it only tried a device that had stopped */
}

int main(void)
{
	RUN(registers_of_the_transport);
	RUN(configuration_has_an_end);
	RUN(features_are_agreed_on);
	RUN(reads_a_chain_of_several);
	RUN(writes_as_much_as_there_is_room);
	RUN(indices_wrap_around);
	RUN(events_across_the_wrap);
	RUN(queues_where_none_can_be);
	RUN(queues_up_to_the_last_byte);
	RUN(a_queue_that_runs_stays_where_it_is);
	RUN(loops_of_descriptors);
	RUN(descriptors_that_make_no_sense);
	RUN(available_rings_that_make_no_sense);
	RUN(a_reset_while_a_chain_is_under_way);
	RUN(a_driver_that_does_anything);
	free(machine.memory);
	return tap_done();
}
