/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tape: what the dashboard showed, one record a second, so that it can be stepped back
 * through, written to a file and played again elsewhere. A record is all that views need of a
 * struct model at that moment, packed: workers, requests, threads, mounts, events, rates and
 * percentiles, not the raw histograms; of requests, files and offload jobs those that matter most
 * (tape_record.h), of finished requests those of the worker that was looked at. In memory it is a
 * ring with a limit of bytes and of age; in a file the same records, each with its length, version
 * and CRC-32. What comes from a file is hostile until it has been checked. Pure but for the file
 * functions. Runs in weirtop.
 */
#ifndef WEIR_TUI_TAPE_H
#define WEIR_TUI_TAPE_H

#include "tui/model/model.h"

struct tape;

/* NULL on ENOMEM. SIZE_MAX, UINT64_MAX: no limit. */
struct tape *tape_new(size_t most_bytes, uint64_t most_seconds);
/* Another limit of age, from the next record on. */
void tape_keep(struct tape *tape, uint64_t most_seconds);
void tape_free(struct tape **tape);

/* Adds the model's present moment, and writes it to the file when there is one. False on ENOMEM
 * or when the file failed: recording then ends, `why` says why, what is in memory stays. */
bool tape_add(struct tape *tape, const struct model *m, char *why, size_t why_bytes);

/* Records are numbered from 1; those that fell out of the ring are gone. 0, 0: it is empty. */
uint64_t tape_oldest(const struct tape *tape);
uint64_t tape_newest(const struct tape *tape);
/* What all records in memory take. */
size_t tape_bytes(const struct tape *tape);
/* The time of a record, 0 when it is gone. */
uint64_t tape_wall_ns(const struct tape *tape, uint64_t record);

/*
 * Puts the moment of a record into *past (made by model_init, reused), with the history up to
 * it. False when it is gone or memory ran out; *past is then what it was.
 */
bool tape_show(const struct tape *tape, uint64_t record, struct model *past);

/* Appends to FILE from now on (made with mode 0600 when it is not there). */
bool tape_record(struct tape *tape, const char *file, char *why, size_t why_bytes);
/* Reads all of a file into the ring; what is in a record is looked at when it is shown. A torn last
 * record is left out. What is damaged is left out too: true, and why[] says where; else it is "".
 */
bool tape_load(struct tape *tape, const char *file, char *why, size_t why_bytes);

#endif
