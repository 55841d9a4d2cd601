// SPDX-License-Identifier: GPL-2.0
#include "units.h"

#include <stdio.h>

/* Three significant digits: 1.24, 12.4, 124. */
static int digits(double v)
{
	return v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
}

char *km_fmt_bytes(char buf[KM_UNIT_MAX], double bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t i = 0;

	while (bytes >= 1023.5 && i < sizeof(unit) / sizeof(unit[0]) - 1) {
		bytes /= 1024;
		i++;
	}
	snprintf(buf, KM_UNIT_MAX, "%.*f %s", i ? digits(bytes) : 0, bytes, unit[i]);
	return buf;
}

char *km_fmt_count(char buf[KM_UNIT_MAX], double n)
{
	static const char *const unit[] = { "", " k", " M", " G" };
	size_t i = 0;

	if (n < 9999.5) { /* short enough to be exact */
		snprintf(buf, KM_UNIT_MAX, "%.0f", n);
		return buf;
	}
	while (n >= 999.5 && i < sizeof(unit) / sizeof(unit[0]) - 1) {
		n /= 1000;
		i++;
	}
	snprintf(buf, KM_UNIT_MAX, "%.*f%s", digits(n), n, unit[i]);
	return buf;
}

char *km_fmt_ms(char buf[KM_UNIT_MAX], double ms)
{
	if (!(ms > 0))
		snprintf(buf, KM_UNIT_MAX, "0 ms");
	else if (ms < 0.9995)
		snprintf(buf, KM_UNIT_MAX, "%.0f us", ms * 1000);
	else if (ms < 999.5)
		snprintf(buf, KM_UNIT_MAX, "%.*f ms", digits(ms), ms);
	else if (ms < 119500)
		snprintf(buf, KM_UNIT_MAX, "%.*f s", digits(ms / 1000), ms / 1000);
	else if (ms < 7200e3)
		snprintf(buf, KM_UNIT_MAX, "%.0f min %02d s", (double)(long)(ms / 60e3),
			 (int)((long)(ms / 1000) % 60));
	else if (ms < 1000 * 3600e3)
		snprintf(buf, KM_UNIT_MAX, "%.0f h %02d min", (double)(long)(ms / 3600e3),
			 (int)((long)(ms / 60e3) % 60));
	else
		snprintf(buf, KM_UNIT_MAX, "very long");
	return buf;
}

size_t km_text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}
