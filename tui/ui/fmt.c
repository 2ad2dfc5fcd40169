/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers in few cells: three significant digits and a unit. The bounds at which a unit
 * changes are where rounding would give a digit too many, not the powers themselves.
 */
#include "tui/ui/fmt.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static const char *fmt_scaled(char out[FMT_BYTES], double value, double unit)
{
    static const char letter[] = {0, 'k', 'M', 'G', 'T', 'P', 'E'};
    size_t step = 0;

    if (!(value >= 0)) {
        snprintf(out, FMT_BYTES, "-");
        return out;
    }
    if (value < 9.95 && value != (double)(int)value) {
        snprintf(out, FMT_BYTES, value < 0.05 ? "0" : "%.1f", value);
        return out;
    }
    while (value >= 999.5 && step + 1 < sizeof letter) {
        value /= unit;
        step++;
    }
    if (step == 0)
        snprintf(out, FMT_BYTES, "%.0f", value);
    else if (value >= 9999)
        snprintf(out, FMT_BYTES, "huge");
    else
        snprintf(out, FMT_BYTES, "%.*f%c",
                 value < 9.995   ? 2
                 : value < 99.95 ? 1
                                 : 0,
                 value, letter[step]);
    return out;
}

const char *fmt_count(char out[FMT_BYTES], double value)
{
    return fmt_scaled(out, value, 1000);
}

const char *fmt_bytes(char out[FMT_BYTES], double value)
{
    return fmt_scaled(out, value, 1024);
}

const char *fmt_age(char out[FMT_BYTES], uint64_t ns)
{
    uint64_t s = ns / NS_PER_S;

    if (ns < NS_PER_MS)
        snprintf(out, FMT_BYTES, "%uus", (unsigned)(ns / NS_PER_US));
    else if (ns < 10 * NS_PER_MS)
        snprintf(out, FMT_BYTES, "%u.%ums", (unsigned)(ns / NS_PER_MS),
                 (unsigned)(ns / (NS_PER_MS / 10) % 10));
    else if (ns < NS_PER_S)
        snprintf(out, FMT_BYTES, "%ums", (unsigned)(ns / NS_PER_MS));
    else if (s < 60)
        snprintf(out, FMT_BYTES, "%u.%us", (unsigned)s, (unsigned)(ns / (NS_PER_S / 10) % 10));
    else if (s < 3600)
        snprintf(out, FMT_BYTES, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(out, FMT_BYTES, "%uh%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else if (s < 100 * 86400)
        snprintf(out, FMT_BYTES, "%ud%02uh", (unsigned)(s / 86400), (unsigned)(s / 3600 % 24));
    else if (s < UINT64_C(99999) * 86400)
        snprintf(out, FMT_BYTES, "%ud", (unsigned)(s / 86400));
    else
        snprintf(out, FMT_BYTES, "ages");
    return out;
}

const char *fmt_clock(char out[FMT_BYTES], uint64_t wall_ns)
{
    time_t t = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;

    if (localtime_r(&t, &tm) == NULL || strftime(out, FMT_BYTES, "%H:%M:%S", &tm) == 0)
        snprintf(out, FMT_BYTES, "--:--:--");
    return out;
}
