/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name tables of the board, made from the .def files, and the number by which two builds
 * notice that theirs differ. Constant data; runs in every process and in observers.
 */
#include "weir/board.h"

#include <stddef.h>

const char *const board_wait_name[WAIT_COUNT] = {
#define WAIT(name, word, help) [WAIT_##name] = word,
#include "weir/waits.def"
#undef WAIT
};

const char *const board_wait_help[WAIT_COUNT] = {
#define WAIT(name, word, help) [WAIT_##name] = help,
#include "weir/waits.def"
#undef WAIT
};

const char *const board_phase_name[PHASE_COUNT] = {
#define PHASE(name, word, help) [PHASE_##name] = word,
#include "weir/phases.def"
#undef PHASE
};

const char *const board_phase_help[PHASE_COUNT] = {
#define PHASE(name, word, help) [PHASE_##name] = help,
#include "weir/phases.def"
#undef PHASE
};

const char *const board_state_name[SLOT_STATE_COUNT] = {
#define STATE(name, word, letter, help) [SLOT_##name] = word,
#include "weir/states.def"
#undef STATE
};

const char board_state_letter[SLOT_STATE_COUNT] = {
#define STATE(name, word, letter, help) [SLOT_##name] = letter,
#include "weir/states.def"
#undef STATE
};

const char *const board_event_name[EVENT_COUNT] = {
#define EVENT(name, word, help) [EVENT_##name] = word,
#include "weir/events.def"
#undef EVENT
};

const char *const board_mount_state_name[MOUNT_STATE_COUNT] = {
    [MOUNT_OK] = "ok",
    [MOUNT_SICK] = "sick",
    [MOUNT_FENCED] = "fenced",
};

const char *const board_counter_name[COUNTER_COUNT] = {
#define COUNTER(name, unit, help) [COUNTER_##name] = #name,
#define GAUGE(name, unit, help)   [COUNTER_##name] = #name,
#include "weir/counters.def"
#undef COUNTER
#undef GAUGE
};

const char *const board_counter_unit[COUNTER_COUNT] = {
#define COUNTER(name, unit, help) [COUNTER_##name] = unit,
#define GAUGE(name, unit, help)   [COUNTER_##name] = unit,
#include "weir/counters.def"
#undef COUNTER
#undef GAUGE
};

const char *const board_counter_help[COUNTER_COUNT] = {
#define COUNTER(name, unit, help) [COUNTER_##name] = help,
#define GAUGE(name, unit, help)   [COUNTER_##name] = help,
#include "weir/counters.def"
#undef COUNTER
#undef GAUGE
};

const bool board_counter_is_gauge[COUNTER_COUNT] = {
#define COUNTER(name, unit, help) [COUNTER_##name] = false,
#define GAUGE(name, unit, help)   [COUNTER_##name] = true,
#include "weir/counters.def"
#undef COUNTER
#undef GAUGE
};

/* FNV-1a; each word ends in a NUL so that neighbours do not run together. */
static uint64_t hash_words(uint64_t h, const char *const *word, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *p = word[i];
        do
            h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
        while (*p++);
    }
    return h;
}

static uint64_t hash_number(uint64_t h, uint64_t v)
{
    for (int i = 0; i < 8; i++, v >>= 8)
        h = (h ^ (v & 0xff)) * UINT64_C(1099511628211);
    return h;
}

uint64_t board_tables_hash(void)
{
    /* The offset of a record's last part moves whenever something before it changes size. */
    static const size_t layout[] = {
        offsetof(struct board_header, reload_error),
        offsetof(struct board_listener, address),
        offsetof(struct board_slot, hist),
        offsetof(struct board_event, words),
        offsetof(struct board_thread, path),
        offsetof(struct board_mount, type),
        offsetof(struct board_stall, kernel),
        offsetof(struct board_request, peer),
        offsetof(struct board_file, path),
        offsetof(struct board_finished, words),
        BOARD_REQUESTS_PER_SLOT,
        BOARD_FILES_PER_SLOT,
        BOARD_RECENT_PER_SLOT,
        FILE_TIME_BUCKETS,
        FINISHED_TEXT_BYTES,
        BOARD_THREADS_PER_SLOT,
        BOARD_MOUNTS_PER_SLOT,
        MOUNT_COUNTER_COUNT,
        HIST_BUCKETS,
        HIST_COUNT,
        BOARD_TEXT_BYTES,
        BOARD_EVENT_BYTES,
    };
    uint64_t h = UINT64_C(14695981039346656037);

    h = hash_words(h, board_wait_name, WAIT_COUNT);
    h = hash_words(h, board_phase_name, PHASE_COUNT);
    h = hash_words(h, board_state_name, SLOT_STATE_COUNT);
    h = hash_words(h, board_event_name, EVENT_COUNT);
    h = hash_words(h, board_counter_name, COUNTER_COUNT);
    for (size_t i = 0; i < sizeof layout / sizeof *layout; i++)
        h = hash_number(h, layout[i]);
    return h;
}
