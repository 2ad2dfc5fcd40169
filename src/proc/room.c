/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room for new workers: a slot each, of which there are so many. Workers that finish long downloads
 * keep theirs, so that a change may find too few; then it says who has them. See supervisor.h.
 * Master only.
 */
#include "proc/supervisor.h"

#include "proc/last_words.h"

void say_who_has_the_slots(const struct supervisor *s, struct buf *message)
{
    const struct worker_table *t = &s->table;
    unsigned retiring = worker_table_count(t, SLOT_RETIRING);
    unsigned oldest = worker_table_oldest_retiring(t);
    uint64_t now = mono_now().ns;
    char age[40];
    struct out o = out_into(age, sizeof age - 1);

    if (oldest == t->capacity) {
        buf_addf(message, "all %u slots are taken", t->capacity);
        return;
    }
    uint64_t since = t->slot[oldest].since_ns;
    last_words_age(&o, since < now ? now - since : 0);
    *o.p = '\0';
    buf_addf(message,
             "%u old worker%s still finish%s downloads, worker %u for the longest time (%s); "
             "weirctl kill %u ends it",
             retiring, retiring == 1 ? "" : "s", retiring == 1 ? "es" : "", oldest + 1, age,
             oldest + 1);
}

bool room_for(const struct supervisor *s, unsigned workers, struct buf *message)
{
    unsigned room = worker_table_room(&s->table);

    if (room >= workers)
        return true;
    buf_addf(message, "%u new workers need a slot each, and %u of %u are free: ", workers, room,
             s->table.capacity);
    say_who_has_the_slots(s, message);
    return false;
}
