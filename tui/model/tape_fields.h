/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of a record, one list for writing and reading, so that both agree on their order:
 * N(name, most) a number and the highest it may be, M(name) a moment, T(name) a text. Runs in
 * weirtop.
 */
#ifndef WEIR_TUI_TAPE_FIELDS_H
#define WEIR_TUI_TAPE_FIELDS_H

#include <stdint.h>

#define ANY UINT64_MAX

#define LOG_FIELDS(N, M, T, kind)                                                                  \
    N(log[kind].used, 1)                                                                           \
    M(log[kind].busy_since_ns)                                                                     \
    N(log[kind].dropped, ANY)                                                                      \
    N(log[kind].error, UINT32_MAX)                                                                 \
    T(log[kind].target)

#define SNAP_FIELDS(N, M, T)                                                                       \
    M(taken_ns)                                                                                    \
    N(taken_wall_ns, ANY)                                                                          \
    N(master_pid, UINT32_MAX)                                                                      \
    M(started_ns)                                                                                  \
    N(started_wall_ns, ANY)                                                                        \
    M(heartbeat_ns)                                                                                \
    N(ready, 1)                                                                                    \
    N(clean_stop, 1)                                                                               \
    N(stopping, 1)                                                                                 \
    N(workers_auto, 1)                                                                             \
    N(workers_wanted, UINT32_MAX)                                                                  \
    N(workers_min, UINT32_MAX)                                                                     \
    N(workers_max, UINT32_MAX)                                                                     \
    N(workers_running, UINT32_MAX)                                                                 \
    N(generation, UINT32_MAX)                                                                      \
    N(reload_state, RELOAD_FAILED)                                                                 \
    N(reload_serial, UINT32_MAX)                                                                   \
    N(reload_wall_ns, ANY)                                                                         \
    T(reload_error)                                                                                \
    N(blocked_after_ns, ANY)                                                                       \
    N(slow_request_ns, ANY)                                                                        \
    N(connections_max, ANY)                                                                        \
    N(op_id, UINT32_MAX)                                                                           \
    N(op_state, OP_FAILED)                                                                         \
    M(op_since_ns)                                                                                 \
    T(op_text)                                                                                     \
    N(worker_restarts, ANY)                                                                        \
    N(offload_threads, UINT32_MAX)                                                                 \
    N(offload_by_hand, 1)                                                                          \
    N(faults, UINT32_MAX)                                                                          \
    N(drain_timeout_ns, ANY)                                                                       \
    N(errors, ERRORS_ALL)                                                                          \
    N(errors_seconds, UINT32_MAX)                                                                  \
    N(errors_answers, ANY)                                                                         \
    N(errors_failed, ANY)                                                                          \
    M(errors_since_ns)                                                                             \
    N(roots_refused, 1)                                                                            \
    N(log_level, UINT32_MAX)                                                                       \
    LOG_FIELDS(N, M, T, BOARD_LOG_ERROR)                                                           \
    LOG_FIELDS(N, M, T, BOARD_LOG_ACCESS)

#define WORKER_FIELDS(N, M, T)                                                                     \
    N(number, TAPE_WORKERS)                                                                        \
    N(state, SLOT_STATE_COUNT - 1)                                                                 \
    N(pid, UINT32_MAX)                                                                             \
    N(epoch, UINT32_MAX)                                                                           \
    N(generation, UINT32_MAX)                                                                      \
    M(state_since_ns)                                                                              \
    M(stopped_since_ns)                                                                            \
    M(blocked_since_ns)                                                                            \
    N(last_exit, EXIT_OTHER)                                                                       \
    N(last_exit_detail, UINT32_MAX)                                                                \
    N(restarts, UINT32_MAX)                                                                        \
    N(blocked_count, UINT32_MAX)                                                                   \
    M(turn_since_ns)                                                                               \
    M(wait_since_ns)                                                                               \
    N(wait, WAIT_COUNT - 1)                                                                        \
    N(ready, 1)                                                                                    \
    M(heartbeat_ns)                                                                                \
    T(serving)                                                                                     \
    T(request)                                                                                     \
    T(peer)                                                                                        \
    N(serving_stale, 1)

#define MEMORY_FIELDS(N, M)                                                                        \
    N(lag_p50_ns, ANY)                                                                             \
    N(lag_p90_ns, ANY)                                                                             \
    N(lag_p99_ns, ANY)                                                                             \
    N(lag_max_ns, ANY)                                                                             \
    N(lag_over, ANY)                                                                               \
    N(lag_known, 1)                                                                                \
    N(rss_bytes, ANY)                                                                              \
    N(fds, ANY)                                                                                    \
    N(fds_max, ANY)                                                                                \
    M(pool_full_since_ns)

#define LISTENER_FIELDS(N, M, T)                                                                   \
    T(address)                                                                                     \
    N(queue_depth, UINT32_MAX)                                                                     \
    N(queue_limit, UINT32_MAX)                                                                     \
    N(queue_peak, UINT32_MAX)                                                                      \
    N(drops, ANY)                                                                                  \
    N(stray, ANY)                                                                                  \
    M(sampled_ns)

#define THREAD_FIELDS(N, M, T)                                                                     \
    N(worker, TAPE_WORKERS)                                                                        \
    N(number, UINT32_MAX)                                                                          \
    N(tid, UINT32_MAX)                                                                             \
    N(wait, WAIT_COUNT - 1)                                                                        \
    M(since_ns)                                                                                    \
    N(probe, 1)                                                                                    \
    N(mount, UINT32_MAX)                                                                           \
    T(path)

#define MOUNT_FIELDS(N, M, T)                                                                      \
    N(device, ANY)                                                                                 \
    N(state, MOUNT_STATE_COUNT - 1)                                                                \
    N(workers, UINT32_MAX)                                                                         \
    N(workers_sick, UINT32_MAX)                                                                    \
    N(running, ANY)                                                                                \
    N(queued, ANY)                                                                                 \
    M(oldest_ns)                                                                                   \
    M(sick_since_ns)                                                                               \
    M(failed_ns)                                                                                   \
    N(last_errno, 4096)                                                                            \
    T(name)                                                                                        \
    T(type)

#define STALL_FIELDS(N, M, T)                                                                      \
    N(worker, TAPE_WORKERS)                                                                        \
    N(on_loop, 1)                                                                                  \
    N(over, 1)                                                                                     \
    N(wait, WAIT_COUNT - 1)                                                                        \
    M(began_ns)                                                                                    \
    N(began_wall_ns, ANY)                                                                          \
    N(lasted_ns, ANY)                                                                              \
    N(waiting, UINT32_MAX)                                                                         \
    T(path)                                                                                        \
    T(kernel)

#define REQUEST_FIELDS(N, M, T)                                                                    \
    N(worker, TAPE_WORKERS)                                                                        \
    N(serial, ANY)                                                                                 \
    N(phase, PHASE_COUNT - 1)                                                                      \
    N(status, 999)                                                                                 \
    N(cold, 1)                                                                                     \
    M(began_ns)                                                                                    \
    M(phase_since_ns)                                                                              \
    M(progress_ns)                                                                                 \
    N(sent_bytes, ANY)                                                                             \
    N(content_bytes, ANY)                                                                          \
    N(throttle_bytes_per_s, ANY)                                                                   \
    T(request)                                                                                     \
    T(peer)

#define FILE_FIELDS(N, T)                                                                          \
    N(key, ANY)                                                                                    \
    T(path)                                                                                        \
    N(in_flight, UINT32_MAX)                                                                       \
    N(p50_ns, ANY)                                                                                 \
    N(p99_ns, ANY)                                                                                 \
    N(last_time_ns, ANY)                                                                           \
    N(workers, UINT32_MAX)

#endif
