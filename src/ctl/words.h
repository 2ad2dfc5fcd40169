/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures as people read them, for tables: durations, amounts, times. For ctl/ only. Runs in
 * observers.
 */
#ifndef WEIR_CTL_WORDS_H
#define WEIR_CTL_WORDS_H

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/age.h"

struct word {
    char text[40];
};

/* 850us, 12ms, 3.4s, 4m10s, 3h04m, 12d04h */
static inline struct word age_text(uint64_t ns)
{
    struct word w;
    uint64_t s = ns / NS_PER_S;

    if (ns < NS_PER_MS)
        snprintf(w.text, sizeof w.text, "%" PRIu64 "us", ns / NS_PER_US);
    else if (ns < NS_PER_S)
        snprintf(w.text, sizeof w.text, "%" PRIu64 "ms", ns / NS_PER_MS);
    else if (s < 60)
        snprintf(w.text, sizeof w.text, "%" PRIu64 ".%us", s,
                 (unsigned)(ns % NS_PER_S / (100 * NS_PER_MS)));
    else if (s < 3600)
        snprintf(w.text, sizeof w.text, "%" PRIu64 "m%02us", s / 60, (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(w.text, sizeof w.text, "%" PRIu64 "h%02um", s / 3600, (unsigned)(s / 60 % 60));
    else
        snprintf(w.text, sizeof w.text, "%" PRIu64 "d%02uh", s / 86400, (unsigned)(s / 3600 % 24));
    return w;
}

/* 999, 12.3k, 4.56M: three figures and a power of `step` (1000 for counts, 1024 for bytes). */
static inline struct word amount_text(uint64_t n, unsigned step)
{
    static const char unit[] = "kMGTPE";
    struct word w;
    double v = (double)n;
    int i = -1;

    if (n < step) {
        snprintf(w.text, sizeof w.text, "%" PRIu64, n);
        return w;
    }
    while (v >= step && i < 5) {
        v /= step;
        i++;
    }
    snprintf(w.text, sizeof w.text, "%.*f%c", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, unit[i]);
    return w;
}

/* Local time of a wall clock reading, in whole seconds. */
static inline struct word when_text(uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct word w = {"?"};
    struct tm tm;

    if (localtime_r(&seconds, &tm))
        strftime(w.text, sizeof w.text, "%Y-%m-%d %H:%M:%S", &tm);
    return w;
}

#endif
