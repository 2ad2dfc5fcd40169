/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One record of the tape: a struct model's moment as bytes, and back. It has four parts, so that
 * going through many records for the history touches little of each: the head; the second (its
 * history and heat); the news (events and slow requests that the record before had not); the
 * moment itself. Pure; runs in weirtop.
 */
#ifndef WEIR_TUI_TAPE_RECORD_H
#define WEIR_TUI_TAPE_RECORD_H

#include "tui/model/model.h"
#include "tui/model/pack.h"

/* Of requests in flight, files and running offload jobs a record keeps so many: the oldest
 * requests and jobs, the files asked for most. How many there were stays known. */
#define TAPE_REQUESTS 64
#define TAPE_FILES    64
#define TAPE_JOBS     256
#define TAPE_WORKERS  4096 /* no server has so many slots */

/* What the record before has told, so that this one need not. Zero: there is none before. */
struct record_told {
    bool any;
    uint64_t events;  /* number of the newest */
    uint64_t slow;    /* sequence number of the newest */
    uint64_t seconds; /* model.seconds */
};

/* Appends the model's moment to p->bytes and keeps in *told what it told. False on ENOMEM. */
bool record_pack(struct pack *p, const struct model *m, struct record_told *told);

struct record_head {
    bool first; /* nothing before it belongs to the same run: its news are all there were */
    uint64_t wall_ns, clock_ns;
    struct unpack second, news, moment;
};

/* Splits a record. False when it is damaged. */
bool record_open(struct record_head *h, const void *bytes, size_t n);

/* Adds what the parts hold to a model: the second to history and the heat of workers that are in
 * memory[] already. False when the part is damaged. */
bool record_second(struct unpack u, struct model *to, bool heat);
/* Counts the entries of the news; adds them, oldest first, to the ring of events and to as many
 * slow requests as there is room for, the first skip_slow left out. */
struct record_news {
    unsigned events, slow;
};
bool record_count_news(struct unpack u, struct record_news *n);
bool record_news(struct unpack u, struct model *to, unsigned skip_slow);

/* Fills a model that model_init made with the moment; `wall_ns` is the head's. False when the part
 * is damaged or memory ran out: *enomem tells which. */
bool record_moment(const struct record_head *h, struct model *to, bool *enomem);

#endif
