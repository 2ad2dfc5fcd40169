/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates: what parses can be written, and reads back as the same second. The first bytes of
 * the input are also taken as a number of seconds, to be written and read.
 */
#include "tests/fuzz/fuzz.h"

#include "http/conditional.h"

#define LAST_SECOND INT64_C(253402300799)

static void check_second(int64_t second)
{
    char text[HTTP_DATE_BYTES];

    http_date_format(second, text);
    int64_t again = http_date_parse(span_of(text, sizeof text), 0);
    must(again == (second < 0 ? 0 : second < LAST_SECOND ? second : LAST_SECOND));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t nows[] = {INT64_MIN, -1, 0, INT64_C(1700000000), LAST_SECOND, INT64_MAX};
    struct span text = span_of((const char *)data, size);
    int64_t second;

    for (size_t i = 0; i < sizeof nows / sizeof *nows; i++) {
        int64_t parsed = http_date_parse(text, nows[i]);
        must(parsed >= -1 && parsed <= LAST_SECOND);
        if (parsed >= 0)
            check_second(parsed);
    }
    if (size >= sizeof second) {
        memcpy(&second, data, sizeof second);
        check_second(second);
        check_second(second % LAST_SECOND);
    }
    return 0;
}
