/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log's writer: a process that opens one log and writes what comes out of one queue into it.
 * It alone waits for the disk, terminal, pipe or syslog daemon behind the log; who sends to the
 * queue never does. A process and not a thread, because a write(2) that hangs in a frozen or dead
 * file system cannot be ended, and neither can the process it belongs to: worker and master could
 * not end, and would keep their sockets.
 *
 * It runs with the master's rights, for it opens files, and holds nothing but the queue, the
 * log and its leash: a socket on which it says how the opening went, and is told to end after the
 * lines it has in hand. Without that it ends when the queue does: all senders are gone, or one
 * sent an empty message.
 */
#ifndef WEIR_PROC_LOGGER_H
#define WEIR_PROC_LOGGER_H

#include "weir/board.h"

enum { LOG_MESSAGE_BYTES = 64 * 1024 }; /* one message of a queue at most: whole lines */

/* Shared with the master. */
struct logger_state {
    board_u64 busy_since_ns; /* since when it waits for an open or a write; 0: it does not */
    board_u64 dropped;       /* lines it had and could not write */
    board_u32 error;         /* errno of the last write; 0: it worked */
};

struct logger_job {
    enum board_log_kind kind; /* BOARD_LOG_ERROR: records come, else whole lines */
    const char *target;       /* as in the configuration */
    int queue_fd, leash_fd;
    int error_fd; /* the error log's queue, for news about this log */
    struct logger_state *state;
};

/*
 * On the leash: first an int from the writer, 0 or the errno of the opening; then a byte to it.
 * END: end after the lines in hand, for another one writes the rest. FINISH: the server is over,
 * wait for no reader any more; a file still gets all lines, however long that takes.
 */
#define LOGGER_END    'E'
#define LOGGER_FINISH 'F'

_Noreturn void logger_main(const struct logger_job *job);

#endif
