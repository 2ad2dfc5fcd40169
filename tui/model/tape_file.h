/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings: a file of records, which tape.c makes and reads. It begins with "WEIRTAPE"; each
 * record has a head of four little-endian numbers of 32 bits (length of its contents, version,
 * CRC-32 of these two, CRC-32 of the contents) and its contents. The version changes with the
 * layout of records and with the tables of names they refer to. Runs in weirtop.
 */
#ifndef WEIR_TUI_TAPE_FILE_H
#define WEIR_TUI_TAPE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAPE_RECORD_MAX (64u << 20) /* bytes of a record, to refuse what cannot be one */

struct tape_file {
    int fd; /* -1: none */
    uint64_t end;
};

/*
 * Opens a file to append to; made with mode 0600 when it is not there. A torn last record is cut
 * off; a file that is no recording, or of another version, or damaged, or that somebody else
 * records to, is refused. False with a sentence in why[].
 */
bool tape_file_append(struct tape_file *f, const char *name, char *why, size_t why_bytes);
/* Writes a record. False with a sentence in why[]; the file is then as it was, if that could be. */
bool tape_file_write(struct tape_file *f, const void *bytes, size_t n, char *why, size_t why_bytes);
void tape_file_close(struct tape_file *f);

/* Takes the contents of a record (from malloc) over. False when it will not: they are freed; ENOMEM
 * in errno ends the reading, anything else says that they make no sense. */
typedef bool tape_file_take(void *context, unsigned char *bytes, size_t n);

/*
 * Gives all records of a file to `take`, a torn last one aside. What is damaged is passed over: the
 * next record is looked for by its head, whose CRC tells it. True with a sentence in why[] then,
 * and
 * "" otherwise; false with a sentence when nothing can be read.
 */
bool tape_file_read(const char *name, tape_file_take *take, void *context, char *why,
                    size_t why_bytes);

#endif
