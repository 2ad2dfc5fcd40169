/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the bytes a terminal sends to keys. A decoder of its own, not curses', because the
 * rules matter here: an escape sequence that is not known is swallowed to its last byte and
 * never acts, also when it comes in pieces; pasted text never acts; a lone Esc is one only
 * after a while. Pure: time comes in with the bytes. Runs in weirtop.
 */
#ifndef WEIR_TUI_INPUT_H
#define WEIR_TUI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_KEYS_MAX 256                       /* from one call of input_feed */
#define INPUT_TAIL_NS  (500 * UINT64_C(1000000)) /* the rest of a sequence may come this late */
#define INPUT_FLOOD    8 /* more printable keys than that in one read are no fingers */

enum input_state {
    INPUT_PLAIN,
    INPUT_AFTER_ESC,
    INPUT_CSI,
    INPUT_SS3,
    INPUT_STRING,
    INPUT_LINUX_F,
    INPUT_OLD_MOUSE /* the three bytes after ESC [ M, whatever they are */
};

/* Of the left button or the wheel. Cells count from 0. */
struct input_mouse {
    int row, col;
    bool press; /* false: let go */
    int wheel;  /* -1 away from the user (up), 1 towards (down), 0 for the button */
};

#define INPUT_PASTE_BYTES 1024 /* of pasted text that are kept; the rest is lost */
#define INPUT_PASTE_NS    (2 * UINT64_C(1000000000)) /* a paste without an end is over then */

#define INPUT_MOUSE_MAX 32 /* more do not fit into INPUT_KEYS_MAX bytes: nine each at least */

struct input {
    enum input_state state;
    uint64_t escape_delay_ns;
    uint64_t since_ns; /* of the byte that led to this state */
    bool esc_given;    /* the Esc was delivered already, what follows it is a late tail */
    bool pasting;
    char paste[INPUT_PASTE_BYTES]; /* what was pasted and not taken yet; no NUL in it */
    size_t paste_n;
    bool mouse; /* set by the caller: sequences of the mouse (SGR, 1006) count, else none does */
    struct input_mouse queue[INPUT_MOUSE_MAX];
    size_t queue_first, queue_n;
    unsigned char swallow; /* bytes of INPUT_OLD_MOUSE still to come */
    char seq[32];
    size_t seq_n;
    unsigned char utf8[4];
    size_t utf8_n, utf8_need;
};

void input_init(struct input *in, uint64_t escape_delay_ns);

/* Takes bytes; returns the keys in key[INPUT_KEYS_MAX]. At most INPUT_KEYS_MAX bytes at a time. */
size_t input_feed(struct input *in, const void *bytes, size_t n, uint64_t now_ns, uint32_t *key);

/* What the mouse did: once for each INPUT_MOUSE, in their order. False when there is no more. */
bool input_mouse_take(struct input *in, struct input_mouse *mouse);

/*
 * The text of the last pastes, once for each INPUT_PASTE, which comes at their ends. Any bytes
 * but NUL: line ends and what else was in it are there, escape sequences are not. For an open
 * prompt; anywhere else a paste does nothing.
 */
void input_paste_take(struct input *in, char *text, size_t text_bytes);

/* Time went on without bytes: a lone Esc, or the end of a paste, or INPUT_NONE. */
uint32_t input_idle(struct input *in, uint64_t now_ns);

/* When input_idle has to be called at the latest; 0 when it has not. */
uint64_t input_deadline_ns(const struct input *in);

#endif
