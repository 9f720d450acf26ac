/* SPDX-License-Identifier: MIT */
/*
 * The UART, and the page that stands in its registers' place while no input waits: what a guest reads
 * there is what it would be told by the monitor.
 */
#include <stdlib.h>
#include <string.h>

#include "../../vmm/core/log.h"
#include "../../vmm/core/session.h"
#include "tap.h"

enum { DR = 0x00, FR = 0x18, LCR = 0x2c, IMSC = 0x38, RIS = 0x3c, MIS = 0x40, ICR = 0x44 };
enum { RXFE = 0x10, TXFF = 0x20, TXFE = 0x80, INT_RX = 0x10, INT_TX = 0x20 };
#define FIFO_SIZE 32

static struct machine machine;
static struct device uart;
static struct session *session;
static const volatile uint32_t *page; /* the guest has it; null: it has not */
static void *memory; /* of the page */
static unsigned mapped, unmapped, logged;
static bool refused;	   /* the kernel has no memory for mappings */
static bool input_in_time; /* a byte comes just before the page is mapped */
static uint64_t sent;	   /* bytes of input so far */

extern const struct device_type __start_vmm_device_types[];

/* --- What it is built on ---------------------------------------------------------------------- */

static void send(void)
{
	if (ring_put(&session->rx, (uint8_t)sent))
		sent++;
}

int fake_invoke(unsigned flavour, takt_slot slot, struct takt_msg *m)
{
	(void)flavour, (void)slot;
	if (TAKT_TAG_LABEL(m->tag) == TAKT_TASK_UNMAP) {
		page = NULL;
		unmapped++;
	} else if (refused) {
		return TAKT_E_NOMEM;
	} else {
		if (input_in_time)
			send();
		if (m->w[3] & (TAKT_MAP_WRITE | TAKT_MAP_EXEC) || m->w[0] != uart.base)
			abort();
		page = (const uint32_t *)(m->w[1] + TAKT_VA_HEAP);
		mapped++;
	}
	m->tag = 0;
	return 0;
}

void *rt_map(takt_slot extent, uint64_t offset, uint64_t size, uint64_t flags)
{
	(void)extent, (void)size, (void)flags;
	memory = (void *)(offset + TAKT_VA_HEAP);
	return memory;
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

int session_open(struct session *s, struct device *dev, takt_slot gate)
{
	(void)dev, (void)gate;
	session = s;
	s->tx = (struct ring){.size = SESSION_TX_SIZE, .data = s->tx_data};
	s->rx = (struct ring){.size = SESSION_RX_SIZE, .data = s->rx_data};
	s->work = 1;
	return 0;
}

unsigned session_put(struct session *s, const struct vcpu *v, const uint8_t *data, unsigned len)
{
	(void)v, (void)len;
	return ring_put(&s->tx, *data);
}

bool session_stall(struct session *s, unsigned room)
{
	s->stalled = 1;
	return ring_free(&s->tx) <= room;
}

bool session_get(struct session *s, uint8_t *byte)
{
	return ring_get(&s->rx, byte);
}

/* All is out; and the device is to look. */
bool session_work(struct session *s, unsigned room)
{
	(void)room;
	ring_skip(&s->tx, ring_used(&s->tx));
	s->stalled = 0;
	return true;
}

/* clang-format off */
void arch_clean(const void *at, size_t size) { (void)at, (void)size; }
takt_slot env_cap(const char *name) { (void)name; return 1; }
void session_log(void *self, const char *line, unsigned len) { (void)self, (void)line, (void)len; }
void session_renew(struct session *s) { (void)s; }
void vmm_log_to(void (*sink)(void *self, const char *line, unsigned len), void *self) { (void)sink, (void)self; }
void lock_take_slowly(struct lock *l) { (void)l; abort(); }
void tree_begin(struct tree *f, const char *name, uint64_t unit) { (void)f, (void)name, (void)unit; }
void tree_end(struct tree *f) { (void)f; }
void tree_prop(struct tree *f, const char *name, const void *data, unsigned size)
{ (void)f, (void)name, (void)data, (void)size; }
void tree_string_list(struct tree *f, const char *name, const char *const *list, unsigned count)
{ (void)f, (void)name, (void)list, (void)count; }
void tree_cells(struct tree *f, const char *name, const uint32_t *cells, unsigned count)
{ (void)f, (void)name, (void)cells, (void)count; }
void tree_reg(struct tree *f, uint64_t base, uint64_t size) { (void)f, (void)base, (void)size; }
void tree_interrupt(struct tree *f, uint32_t intid) { (void)f, (void)intid; }
/* clang-format on */

/* --- A guest ---------------------------------------------------------------------------------- */

static void reset(void)
{
	free(uart.state);
	free(memory);
	uart = (struct device){.type = __start_vmm_device_types, .machine = &machine, .base = 0x9000000};
	page = NULL;
	mapped = unmapped = logged = 0;
	refused = input_in_time = false;
	sent = 0;
	if (uart.type->create(&uart))
		abort();
	uart.type->reset(&uart);
}

static uint32_t trapped(uint64_t offset, bool write, uint32_t value)
{
	struct mmio io = {.offset = offset, .size = 4, .write = write, .value = value};

	if (!uart.type->access(&uart, &io))
		abort();
	return (uint32_t)io.value;
}

static uint32_t load(uint64_t offset)
{
	return page ? page[offset / 4] : trapped(offset, false, 0);
}

static void store(uint64_t offset, uint32_t value)
{
	(void)trapped(offset, true, value);
}

static void work(void)
{
	uart.type->work(&uart);
}

/* --- Tests ------------------------------------------------------------------------------------ */

TEST(comes_with_the_flags)
{
	reset();
	CHECK(trapped(RIS, false, 0) == 0 && !page);
	CHECK(load(FR) == (RXFE | TXFE) && page);
	CHECK(load(FR) == (RXFE | TXFE) && load(DR) == 0 && load(0x30) == 0x300);
	CHECK(load(0xfe0) == 0x11 && load(0xfe4) == 0x10 && load(0xff0) == 0x0d);
	CHECK(load(0xffc) == 0xb1 && load(0x100) == 0);
	store(LCR, 0x70);
	store(DR, 'x');
	store(IMSC, INT_TX);
	CHECK(page && load(LCR) == 0x70 && load(RIS) == INT_TX && load(MIS) == INT_TX && uart.line);
	store(ICR, INT_TX);
	CHECK(load(RIS) == 0 && load(MIS) == 0 && !uart.line);
	uart.type->reset(&uart);
	CHECK(load(LCR) == 0 && load(IMSC) == 0);
	CHECK(mapped == 1 && !unmapped && !logged);
}

TEST(goes_with_input)
{
	reset();
	(void)load(FR);
	send();
	send();
	/* Nobody has told the guest yet. */
	CHECK(page && load(FR) == (RXFE | TXFE) && load(DR) == 0);
	work();
	CHECK(!page && load(RIS) == INT_RX && load(FR) == TXFE);
	CHECK(load(DR) == 0 && load(FR) == TXFE && load(DR) == 1);
	CHECK(!page && load(RIS) == 0 && !page);
	CHECK(load(FR) == (RXFE | TXFE) && page);
}

TEST(input_that_nobody_told_of)
{
	reset();
	(void)load(FR);
	send();
	store(ICR, INT_RX); /* there is some, says this at once */
	CHECK(!page && load(RIS) == INT_RX && load(FR) == TXFE && load(DR) == 0);
	input_in_time = true;
	CHECK(load(FR) == (RXFE | TXFE) && !page);
	CHECK(load(FR) == TXFE && load(DR) == 1);
}

TEST(full)
{
	unsigned n = 0;

	reset();
	while (!(load(FR) & TXFF) && n <= SESSION_TX_SIZE) {
		store(DR, 'x');
		n++;
	}
	CHECK(n == SESSION_TX_SIZE - FIFO_SIZE && page && load(FR) == (RXFE | TXFF));
	CHECK(load(RIS) == 0);
	for (unsigned i = 0; i < FIFO_SIZE; i++)
		store(DR, 'y');
	CHECK(!session->lost);
	uart.type->reset(&uart); /* what is in the ring is still there */
	CHECK(load(FR) == (RXFE | TXFF));
	work();
	CHECK(page && load(FR) == (RXFE | TXFE) && load(RIS) == INT_TX);
}

TEST(without_memory)
{
	reset();
	refused = true;
	CHECK(load(FR) == (RXFE | TXFE) && !page);
	refused = false;
	store(DR, 'x');
	CHECK(load(FR) == (RXFE | TXFE) && !page && load(RIS) == INT_TX);
}

/* No input waits: what the page says is what the monitor says. */
static bool page_is_right(void)
{
	static const uint16_t other[] = {0x04, 0x08, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34,
					 0x38, 0x3c, 0x40, 0x44, 0x48, 0x4c, 0xfe0, 0xff8};

	for (unsigned i = 0; page && i < sizeof(other) / sizeof(other[0]); i++)
		if (page[other[i] / 4] != trapped(other[i], false, 0))
			return false;
	return true;
}

TEST(anything_in_any_order)
{
	uint64_t got = 0;

	reset();
	srand(1);
	for (unsigned i = 0; i < 300000; i++) {
		unsigned what = (unsigned)rand() % 8;

		if (what == 0)
			send();
		else if (what == 1)
			work();
		else if (what == 2)
			store((uint64_t)(rand() % 20) * 4, (uint32_t)rand());
		else if (what == 3)
			store(DR, 'x');
		else if (load(FR) & RXFE)
			CHECK(!(load(RIS) & INT_RX) || !page);
		else
			CHECK(load(DR) == (uint8_t)got++);
		if (what == 1 && ring_used(&session->rx))
			CHECK(!page);
		if (!ring_used(&session->rx))
			CHECK(page_is_right());
		CHECK(uart.line == !!load(MIS));
	}
	CHECK(got > 1000 && sent - got <= SESSION_RX_SIZE && mapped > 1000 && !logged);
}

int main(void)
{
	RUN(comes_with_the_flags);
	RUN(goes_with_input);
	RUN(input_that_nobody_told_of);
	RUN(full);
	RUN(without_memory);
	RUN(anything_in_any_order);
	return tap_done();
}
