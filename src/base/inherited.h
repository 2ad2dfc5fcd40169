/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program is started with and nobody chose: missing standard descriptors, a signal mask,
 * ignored signals. Left as they are they make strange things later: a log line in the file that
 * happened to get number 2, children that cannot be waited for. Called first in each program.
 */
#ifndef WEIR_BASE_INHERITED_H
#define WEIR_BASE_INHERITED_H

/*
 * Opens /dev/null where descriptor 0, 1 or 2 is missing; unblocks every signal; gives SIGCHLD its
 * default; ignores SIGXFSZ, so that a file over RLIMIT_FSIZE is an error (EFBIG) and no death. Ends
 * the process with status 1 where a descriptor cannot be had. Before any thread.
 */
void inherited_mend(void);

#endif
