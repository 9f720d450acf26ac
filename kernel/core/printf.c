/* SPDX-License-Identifier: MIT */
/* A small printf: integers, characters, strings. */
#include <core/printf.h>
#include <core/string.h>

struct spec {
	unsigned width, most; /* most: of a string */
	char pad;
	bool left, wide; /* wide: l, ll, z */
};

static void put(struct sink *o, char c)
{
	if (o->at < o->end)
		o->buffer[o->at & o->mask] = c;
	o->at++;
}

void put_text(struct sink *o, const char *text, size_t n)
{
	u64 at = o->at, end = MIN(at + n, o->end), mask = o->mask;
	char *buffer = o->buffer;

	while (at < end)
		buffer[at++ & mask] = *text++;
	o->at += n;
}

static void put_padded(struct sink *o, const struct spec *s, const char *text, size_t n)
{
	size_t fill = s->width > n ? s->width - n : 0;

	if (s->pad == '0' && n && *text == '-') {
		put(o, *text++);
		n--;
	}
	for (size_t i = 0; !s->left && i < fill; i++)
		put(o, s->pad);
	put_text(o, text, n);
	for (size_t i = 0; s->left && i < fill; i++)
		put(o, ' ');
}

static void put_number(struct sink *o, const struct spec *s, u64 v, unsigned base, bool negative)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	do {
		*--p = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		*--p = '-';
	put_padded(o, s, p, (size_t)(digits + sizeof(digits) - p));
}

static const char *parse_number(unsigned *n, const char *fmt)
{
	for (*n = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
		*n = *n * 10 + (unsigned)(*fmt - '0');
	return fmt;
}

static const char *parse_spec(struct spec *s, const char *fmt)
{
	*s = (struct spec){.pad = ' ', .most = UINT32_MAX};
	for (; *fmt == '0' || *fmt == '-'; fmt++) {
		if (*fmt == '0')
			s->pad = '0';
		else
			s->left = true;
	}
	fmt = parse_number(&s->width, fmt);
	if (*fmt == '.')
		fmt = parse_number(&s->most, fmt + 1);
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		s->wide = true;
	return fmt;
}

void format_to(struct sink *o, const char *fmt, va_list ap)
{
	struct spec s;
	const char *text;
	char c;
	s64 d;

	for (; *fmt; fmt++) {
		for (text = fmt; *fmt && *fmt != '%';)
			fmt++;
		put_text(o, text, (size_t)(fmt - text));
		if (!*fmt)
			return;
		fmt = parse_spec(&s, fmt + 1);
		switch (*fmt) {
		case 'd':
		case 'i':
			d = s.wide ? va_arg(ap, long) : va_arg(ap, int);
			put_number(o, &s, d < 0 ? -(u64)d : (u64)d, 10, d < 0);
			break;
		case 'u':
		case 'x':
			put_number(o, &s, s.wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned),
				   *fmt == 'u' ? 10 : 16, false);
			break;
		case 'p':
			put_number(o, &s, (u64)va_arg(ap, void *), 16, false);
			break;
		case 's':
			text = va_arg(ap, const char *);
			text = text ? text : "(null)";
			put_padded(o, &s, text, strnlen(text, s.most));
			break;
		case 'c':
			c = (char)va_arg(ap, int);
			put_padded(o, &s, &c, 1);
			break;
		case 0: /* ends within a format */
			return;
		default:
			put(o, *fmt);
		}
	}
}

size_t format_va(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink o = {.buffer = buf, .end = size - 1, .mask = UINT64_MAX};

	format_to(&o, fmt, ap);
	o.at = MIN(o.at, o.end);
	buf[o.at] = 0;
	return o.at;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format_va(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
