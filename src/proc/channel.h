/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What master and worker say to each other: fixed records over a SOCK_SEQPACKET pair. End of
 * file on it means the other is gone.
 */
#ifndef WEIR_PROC_CHANNEL_H
#define WEIR_PROC_CHANNEL_H

#include <stdint.h>

enum channel_kind {
    CHANNEL_RETIRE = 1, /* to the worker: leave the listening sockets, answer what you have, exit
                           within value ns; amount 1: responses go on while their clients take
                           bytes, and only what stands still so long ends */
    CHANNEL_QUIT,       /* to the worker: exit now */
    CHANNEL_LOG_LEVEL,  /* to the worker: value is the enum log_level */
    CHANNEL_READY,      /* to the master: serving */
    CHANNEL_ROOT,       /* to the worker: here is the root of the location with the id `value` */
    CHANNEL_OFFLOAD,    /* to the worker: value is the number of offload threads it may have */
    CHANNEL_FENCE,      /* to the worker: the mount with the device number `value` is fenced, by the
                           fence with the number `amount`: let go of all that lies on it */
    CHANNEL_UNFENCE,  /* to the worker: the mount with the device number `value` is healthy again */
    CHANNEL_ABORT,    /* to the worker: end the request with the serial number `value` */
    CHANNEL_THROTTLE, /* to the worker: send request `value` with at most `amount` bytes/s; 0: any
                       */
    CHANNEL_UNFENCE_ROOTS, /* to the worker: roots behind the fence with the number `value` are to
                             be looked up again */
    CHANNEL_LEFT           /* to the master: it has left the listening sockets */
};

struct channel_message {
    uint32_t kind;
    uint32_t reserved;
    uint64_t value;
    uint64_t amount;
};

#endif
