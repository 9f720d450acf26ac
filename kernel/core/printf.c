/* SPDX-License-Identifier: MIT */
/* A small printf: integers, characters, strings. */
#include <core/printf.h>
#include <core/string.h>

struct out {
	char *at, *end; /* end: the place of the closing zero */
};

struct spec {
	unsigned width;
	char pad;
	bool left, wide; /* wide: l, ll, z */
};

static void put(struct out *o, char c)
{
	if (o->at < o->end)
		*o->at++ = c;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t n)
{
	size_t fill = s->width > n ? s->width - n : 0;

	if (s->pad == '0' && n && *text == '-') {
		put(o, *text++);
		n--;
	}
	for (size_t i = 0; !s->left && i < fill; i++)
		put(o, s->pad);
	while (n--)
		put(o, *text++);
	for (size_t i = 0; s->left && i < fill; i++)
		put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, u64 v, unsigned base, bool negative)
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

static const char *parse_spec(struct spec *s, const char *fmt)
{
	*s = (struct spec){.pad = ' '};
	for (; *fmt == '0' || *fmt == '-'; fmt++) {
		if (*fmt == '0')
			s->pad = '0';
		else
			s->left = true;
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		s->width = s->width * 10 + (unsigned)(*fmt - '0');
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		s->wide = true;
	return fmt;
}

size_t format_va(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {buf, buf + size - 1};
	struct spec s;
	const char *text;
	char c;
	s64 d;

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(&s, fmt + 1);
		switch (*fmt) {
		case 'd':
		case 'i':
			d = s.wide ? va_arg(ap, long) : va_arg(ap, int);
			put_number(&o, &s, d < 0 ? -(u64)d : (u64)d, 10, d < 0);
			break;
		case 'u':
		case 'x':
			put_number(&o, &s, s.wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned),
				   *fmt == 'u' ? 10 : 16, false);
			break;
		case 'p':
			put_number(&o, &s, (u64)va_arg(ap, void *), 16, false);
			break;
		case 's':
			text = va_arg(ap, const char *);
			text = text ? text : "(null)";
			put_padded(&o, &s, text, strlen(text));
			break;
		case 'c':
			c = (char)va_arg(ap, int);
			put_padded(&o, &s, &c, 1);
			break;
		case 0: /* ends within a format */
			*o.at = 0;
			return (size_t)(o.at - buf);
		default:
			put(&o, *fmt);
		}
	}
	*o.at = 0;
	return (size_t)(o.at - buf);
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
