/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of settings of faults: which calls, and with which error they fail. Master only.
 */
#include "conf/value.h"

#include <errno.h>

#include "conf/settings.h"
#include "weir/board.h"

static const struct {
    const char *word;
    enum board_wait wait;
} operations[] = {
    {"open", WAIT_OPEN},
    {"read", WAIT_READ},
    {"readdir", WAIT_READDIR},
    {"stat", WAIT_STAT},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static bool operations_parse(const struct setting *s, struct span text, void *owner,
                             struct buf *why)
{
    struct conf_fault *fault = owner;
    uint32_t bits = 0;

    (void)s;
    for (struct span word = value_word(&text); word.n > 0; word = value_word(&text)) {
        int i = 0;
        while (i < OPERATIONS && !span_eq(word, span_str(operations[i].word)))
            i++;
        if (i == OPERATIONS) {
            buf_addf(why, "`%.*s' is not an operation; write some of open, read, readdir and stat",
                     (int)word.n, word.p);
            return false;
        }
        bits |= UINT32_C(1) << operations[i].wait;
    }
    if (bits == 0) {
        buf_addf(why, "no operation; write some of open, read, readdir and stat");
        return false;
    }
    fault->operations = bits;
    return true;
}

static bool operations_print(const struct setting *s, const void *owner, struct buf *text)
{
    const struct conf_fault *fault = owner;
    const char *gap = "";

    (void)s;
    for (int i = 0; i < OPERATIONS; i++)
        if (fault->operations & UINT32_C(1) << operations[i].wait) {
            buf_addf(text, "%s%s", gap, operations[i].word);
            gap = " ";
        }
    return fault->operations != 0;
}

const struct value_type value_OPERATIONS = {"words", operations_parse, operations_print, NULL};

/* What open, read, getdents and stat of a file system in trouble fail with. */
static const struct {
    const char *name;
    int number;
} error_names[] = {
#define NAME(error)                                                                                \
    {                                                                                              \
#error, error                                                                              \
    }
    NAME(EIO),          NAME(ENOENT),       NAME(EACCES),  NAME(EPERM),       NAME(ESTALE),
    NAME(ETIMEDOUT),    NAME(ENOTDIR),      NAME(ELOOP),   NAME(EMFILE),      NAME(ENFILE),
    NAME(ENOMEM),       NAME(EINTR),        NAME(EBUSY),   NAME(ENODEV),      NAME(ENXIO),
    NAME(ENOTCONN),     NAME(EREMOTEIO),    NAME(ENOLINK), NAME(EHOSTDOWN),   NAME(EHOSTUNREACH),
    NAME(ECONNREFUSED), NAME(ECONNABORTED), NAME(EUCLEAN), NAME(ENAMETOOLONG)
#undef NAME
};
enum { ERROR_NAMES = sizeof error_names / sizeof *error_names };

static bool error_name_parse(const struct setting *s, struct span text, void *owner,
                             struct buf *why)
{
    struct conf_fault *fault = owner;

    (void)s;
    for (int i = 0; i < ERROR_NAMES; i++)
        if (span_ieq(text, span_str(error_names[i].name))) {
            fault->error = error_names[i].number;
            return true;
        }
    buf_addf(why, "not the name of an error that such calls give; write one of ");
    for (int i = 0; i < ERROR_NAMES; i++)
        buf_addf(why, "%s%s", i == 0 ? "" : ", ", error_names[i].name);
    return false;
}

static bool error_name_print(const struct setting *s, const void *owner, struct buf *text)
{
    const struct conf_fault *fault = owner;

    (void)s;
    for (int i = 0; i < ERROR_NAMES; i++)
        if (fault->error == error_names[i].number)
            return buf_addf(text, "%s", error_names[i].name);
    return false;
}

const struct value_type value_ERROR_NAME = {"name of an error", error_name_parse, error_name_print,
                                            NULL};
