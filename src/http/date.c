/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP dates (RFC 9110, 5.6.7), read and written without libc's calendar, which depends on
 * locale and time zone. A date is matched against a pattern of its format; days are
 * counted in the proleptic Gregorian calendar. Pure. Runs in workers and tests.
 */
#include "http/conditional.h"

enum { SECONDS_PER_DAY = 86400 };
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "SunMonTueWedThuFriSat";
static const struct span long_days[] = {{"Sunday", 6},    {"Monday", 6},   {"Tuesday", 7},
                                        {"Wednesday", 9}, {"Thursday", 8}, {"Friday", 6},
                                        {"Saturday", 8}};

struct date {
    int year, month, day, hour, minute, second; /* month and day from 1 */
};

/*
 * Days since 1970-01-01. Years are counted from March, so that the leap day is a year's last
 * and the months before it have a regular pattern (153 days in five months).
 */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t from_march = month > 2 ? month - 3 : month + 9;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * from_march + 2) / 5 +
           day - 1 - 719468;
}

/* The inverse of days_of; the time of day is left alone. */
static void date_of_days(int64_t days, struct date *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t from_march = (5 * of_year + 2) / 153;

    d->day = (int)(of_year - (153 * from_march + 2) / 5 + 1);
    d->month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    d->year = (int)(year + era * 400 + (d->month <= 2));
}

static int64_t seconds_of(const struct date *d)
{
    return days_of(d->year, d->month, d->day) * SECONDS_PER_DAY + d->hour * 3600 + d->minute * 60 +
           d->second;
}

static int64_t clamp(int64_t seconds)
{
    if (seconds < 0)
        return 0;
    return seconds < LAST_SECOND ? seconds : LAST_SECOND;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool in_calendar(const struct date *d)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int days = month_days[d->month - 1] + (d->month == 2 && is_leap(d->year));

    /* 60 is a leap second */
    return d->day >= 1 && d->day <= days && d->hour <= 23 && d->minute <= 59 && d->second <= 60;
}

/* Which of the three-letter names stands at p, from 0; -1 for none. */
static int name_index(const char *names, int count, const char *p)
{
    for (int i = 0; i < count; i++)
        if (memcmp(names + 3 * i, p, 3) == 0)
            return i;
    return -1;
}

/*
 * Reads s by a pattern of the same length. In it D is a digit of the day, which may be a space
 * where it one when it is written _; Y, h, m, s are digits of year and time; NNN is the month's
 * name; all else stands for itself.
 */
static bool match(struct span s, const char *pattern, struct date *d)
{
    if (s.n != strlen(pattern))
        return false;
    *d = (struct date){0};
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int *field = NULL;
        switch (pattern[i]) {
        case 'Y':
            field = &d->year;
            break;
        case 'D':
            field = &d->day;
            break;
        case 'h':
            field = &d->hour;
            break;
        case 'm':
            field = &d->minute;
            break;
        case 's':
            field = &d->second;
            break;
        case 'N':
            d->month = name_index(month_names, 12, s.p + i) + 1;
            if (d->month == 0)
                return false;
            i += 2;
            continue;
        case '_': /* the day's first digit where it may be a space */
            field = &d->day;
            if (c == ' ')
                c = '0';
            break;
        default:
            if (c != pattern[i])
                return false;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        *field = *field * 10 + (c - '0');
    }
    return true;
}

/* The latest year with these two digits that lies at most 50 years ahead of now. */
static void choose_century(struct date *d, int64_t now_s)
{
    struct date limit = {0};

    now_s = clamp(now_s);
    date_of_days(now_s / SECONDS_PER_DAY, &limit);
    int64_t limit_s = days_of(limit.year + 50, limit.month, limit.day) * SECONDS_PER_DAY +
                      now_s % SECONDS_PER_DAY;
    d->year += (limit.year / 100 + 1) * 100;
    while (seconds_of(d) > limit_s)
        d->year -= 100;
}

int64_t http_date_parse(struct span s, int64_t now_s)
{
    struct date d;
    bool good = false;

    if (s.n < 3)
        return -1;
    bool short_day = name_index(day_names, 7, s.p) >= 0;
    if (short_day && s.n == HTTP_DATE_BYTES) {
        good = match(span_from(s, 3), ", DD NNN YYYY hh:mm:ss GMT", &d);
    } else if (short_day && s.n == 24) {
        good = match(span_from(s, 3), " NNN _D hh:mm:ss YYYY", &d);
    }
    for (size_t i = 0; !good && i < sizeof long_days / sizeof *long_days; i++) {
        if (!span_starts(s, long_days[i]))
            continue;
        good = match(span_from(s, long_days[i].n), ", DD-NNN-YY hh:mm:ss GMT", &d);
        if (good)
            choose_century(&d, now_s);
    }
    if (!good || !in_calendar(&d))
        return -1;
    return clamp(seconds_of(&d));
}

static void put_two(char *to, int value)
{
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
}

void http_date_format(int64_t seconds, char *to)
{
    struct date d = {0};

    seconds = clamp(seconds);
    int64_t days = seconds / SECONDS_PER_DAY;
    int of_day = (int)(seconds % SECONDS_PER_DAY);
    date_of_days(days, &d);
    memcpy(to, "Sun, 00 Jan 0000 00:00:00 GMT", HTTP_DATE_BYTES);
    memcpy(to, day_names + (days + 4) % 7 * 3, 3); /* 1970 began on a Thursday */
    put_two(to + 5, d.day);
    memcpy(to + 8, month_names + (d.month - 1) * 3, 3);
    put_two(to + 12, d.year / 100);
    put_two(to + 14, d.year % 100);
    put_two(to + 17, of_day / 3600);
    put_two(to + 20, of_day / 60 % 60);
    put_two(to + 23, of_day % 60);
}
