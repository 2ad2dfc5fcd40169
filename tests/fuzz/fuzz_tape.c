/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record of a recording: whatever its bytes say, it is refused, or becomes a model whose indices
 * lie within its arrays and whose texts a terminal may be sent.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "tui/model/tape_record.h"
#include "tui/model/verdict.h"

static void check_text(const char *text)
{
    for (; *text; text++)
        must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void check_model(const struct model *m)
{
    must(m->row_count == m->now.worker_count);
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct model_row *r = &m->row[i];
        must(r->worker < m->now.worker_count && r->memory < m->memory_count);
        must(r->state < ROW_STATE_COUNT && r->job < (int)m->now.thread_count);
        check_text(model_worker(m, r)->serving);
    }
    for (unsigned i = 0; i < m->event_count; i++)
        check_text(model_event_at(m, i)->text);
    for (unsigned i = 0; i < m->files.count; i++)
        check_text(m->files.file[i].path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *m = calloc(1, sizeof *m);
    struct verdict v;
    struct record_head h;
    struct record_news news;
    bool enomem;

    must(m && model_init(m, 1000000000));
    if (record_open(&h, data, size) && record_moment(&h, m, &enomem) &&
        record_second(h.second, m, true) && record_count_news(h.news, &news)) {
        m->now.slow = calloc(news.slow + 1, sizeof *m->now.slow);
        m->now.slow_room = m->now.slow ? news.slow : 0;
        if (record_news(h.news, m, 0)) {
            check_model(m);
            verdict_of(m, &v);
            check_text(v.text);
        }
    }
    model_free(m);
    free(m);
    return 0;
}
