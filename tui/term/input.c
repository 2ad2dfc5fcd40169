/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder: a state machine over bytes. ESC [ parameters final (ECMA-48, 5.4), ESC O
 * final, the Linux console's ESC [ [ final, the mouse in both its forms, and strings (ESC ] P
 * X ^ _) up to their end. A sequence cut by a slow line stays a sequence: when its tail comes
 * within half a second of an Esc that was already delivered, the tail is swallowed, for its letters
 * are commands.
 */
#include "tui/term/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "tui/app/keys.h"

void input_init(struct input *in, uint64_t escape_delay_ns)
{
    memset(in, 0, sizeof *in);
    in->escape_delay_ns = escape_delay_ns;
}

static uint32_t input_letter_key(char final)
{
    switch (final) {
    case 'A':
        return INPUT_UP;
    case 'B':
        return INPUT_DOWN;
    case 'C':
        return INPUT_RIGHT;
    case 'D':
        return INPUT_LEFT;
    case 'H':
        return INPUT_HOME;
    case 'F':
        return INPUT_END;
    case 'Z':
        return INPUT_BACK_TAB;
    default:
        return INPUT_NONE;
    }
}

static uint32_t input_tilde_key(unsigned long number)
{
    static const uint32_t keys[35] = {
        [1] = INPUT_HOME,    [2] = INPUT_INSERT,    [3] = INPUT_DELETE,   [4] = INPUT_END,
        [5] = INPUT_PAGE_UP, [6] = INPUT_PAGE_DOWN, [7] = INPUT_HOME,     [8] = INPUT_END,
        [11] = INPUT_F1,     [12] = INPUT_F1 + 1,   [13] = INPUT_F1 + 2,  [14] = INPUT_F1 + 3,
        [15] = INPUT_F1 + 4, [17] = INPUT_F1 + 5,   [18] = INPUT_F1 + 6,  [19] = INPUT_F1 + 7,
        [20] = INPUT_F1 + 8, [21] = INPUT_F10,      [23] = INPUT_F1 + 10, [24] = INPUT_F12,
    };

    return number < 35 ? keys[number] : INPUT_NONE;
}

/* A number of at most five digits at *p, which is moved behind it; -1 when there is none. */
static int input_number(const char **p)
{
    int value = 0, digits = 0;

    for (; **p >= '0' && **p <= '9'; (*p)++, digits++)
        value = digits < 5 ? value * 10 + (**p - '0') : value;
    return digits >= 1 && digits <= 5 ? value : -1;
}

/*
 * ESC [ < button ; column ; row, then M pressed or m let go. The left button is 0, the wheel
 * 64 and 65; anything else, with modifiers too, is swallowed.
 */
static uint32_t input_sgr_mouse(struct input *in, char final)
{
    const char *p = in->seq + 1;
    int button = input_number(&p);
    int col = *p == ';' ? (p++, input_number(&p)) : -1;
    int row = *p == ';' ? (p++, input_number(&p)) : -1;
    bool wheel = button == 64 || button == 65;

    if (!in->mouse || *p || col < 1 || row < 1 || (button != 0 && !wheel) ||
        (wheel && final == 'm') || in->queue_n == INPUT_MOUSE_MAX)
        return INPUT_NONE;
    in->queue[(in->queue_first + in->queue_n++) % INPUT_MOUSE_MAX] =
        (struct input_mouse){.row = row - 1,
                             .col = col - 1,
                             .press = final == 'M',
                             .wheel = wheel ? (button == 64 ? -1 : 1) : 0};
    return INPUT_MOUSE;
}

bool input_mouse_take(struct input *in, struct input_mouse *mouse)
{
    if (in->queue_n == 0)
        return false;
    *mouse = in->queue[in->queue_first];
    in->queue_first = (in->queue_first + 1) % INPUT_MOUSE_MAX;
    in->queue_n--;
    return true;
}

void input_paste_take(struct input *in, char *text, size_t text_bytes)
{
    size_t n = in->paste_n < text_bytes ? in->paste_n : text_bytes - 1;

    memcpy(text, in->paste, n);
    text[n] = '\0';
    in->paste_n = 0;
}

/* A whole CSI sequence: in->seq has its parameters. Only plain keys are known. */
static uint32_t input_csi(struct input *in, char final)
{
    bool digits = in->seq_n > 0 && strspn(in->seq, "0123456789") == in->seq_n;
    unsigned long number = digits ? strtoul(in->seq, NULL, 10) : 0;

    if (final == '~' && digits && number == 200) {
        in->pasting = true;
        return INPUT_NONE;
    }
    if (final == '~' && digits && number == 201 && in->pasting) {
        in->pasting = false;
        return INPUT_PASTE;
    }
    if (in->pasting)
        return INPUT_NONE;
    if (in->seq[0] == '<' && (final == 'M' || final == 'm'))
        return input_sgr_mouse(in, final);
    if (final == '~' && digits)
        return input_tilde_key(number);
    return in->seq_n == 0 ? input_letter_key(final) : INPUT_NONE;
}

static void input_become(struct input *in, enum input_state state, uint64_t now_ns)
{
    in->state = state;
    in->since_ns = now_ns;
    in->seq_n = 0;
    in->seq[0] = '\0';
}

/* Bytes outside of sequences: characters of UTF-8, control keys. */
static uint32_t input_plain(struct input *in, unsigned char c)
{
    uint32_t cp;

    if (in->utf8_n > 0 && (c & 0xc0) == 0x80) {
        in->utf8[in->utf8_n++] = c;
        if (in->utf8_n < in->utf8_need)
            return INPUT_NONE;
        size_t n = in->utf8_n;
        in->utf8_n = 0;
        return utf8_next(span_of((const char *)in->utf8, n), &cp) == n ? cp : INPUT_NONE;
    }
    in->utf8_n = 0;
    if (c >= 0xc2 && c <= 0xf4) {
        in->utf8[0] = c;
        in->utf8_n = 1;
        in->utf8_need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        return INPUT_NONE;
    }
    if (c >= 0x80)
        return INPUT_NONE;
    return c == 0x7f || c == 0x08 ? (uint32_t)INPUT_BACKSPACE : c;
}

static uint32_t input_after_esc(struct input *in, unsigned char c, uint64_t now_ns)
{
    if (c == '[') {
        input_become(in, INPUT_CSI, now_ns);
        return INPUT_NONE;
    }
    if (c == 'O') {
        input_become(in, INPUT_SS3, now_ns);
        return INPUT_NONE;
    }
    if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
        input_become(in, INPUT_STRING, now_ns);
        return INPUT_NONE;
    }
    if (c == '\\') { /* the end of a string */
        input_become(in, INPUT_PLAIN, now_ns);
        in->esc_given = false;
        return INPUT_NONE;
    }
    if (c == 0x1b) { /* Esc Esc: the first is a key of its own */
        bool given = in->esc_given;
        in->esc_given = false;
        in->since_ns = now_ns;
        return given ? INPUT_NONE : INPUT_ESC;
    }
    bool given = in->esc_given;
    input_become(in, INPUT_PLAIN, now_ns);
    in->esc_given = false;
    if (given) /* an Esc long ago, then a key: both count */
        return input_plain(in, c);
    return INPUT_NONE; /* Alt with a key: not known */
}

static uint32_t input_in_csi(struct input *in, unsigned char c, uint64_t now_ns)
{
    bool late = in->esc_given;

    if (c == 0x1b) { /* broken off by another sequence */
        input_become(in, INPUT_AFTER_ESC, now_ns);
        in->esc_given = false;
        return INPUT_NONE;
    }
    if (c == '[' && in->seq_n == 0) {
        in->state = INPUT_LINUX_F;
        return INPUT_NONE;
    }
    if (c == 'M' && in->seq_n == 0 && !in->pasting) {
        in->state = INPUT_OLD_MOUSE;
        in->swallow = 3;
        return INPUT_NONE;
    }
    if (c >= 0x40 && c <= 0x7e) {
        uint32_t key = input_csi(in, (char)c);
        input_become(in, INPUT_PLAIN, now_ns);
        in->esc_given = false;
        if (late && key == INPUT_MOUSE) /* the newest; nobody will ask for it */
            in->queue_n--;
        return late && key != INPUT_PASTE ? (uint32_t)INPUT_NONE : key;
    }
    if (c < 0x20 || c > 0x7e) { /* nothing that belongs into a sequence */
        input_become(in, INPUT_PLAIN, now_ns);
        in->esc_given = false;
        return INPUT_NONE;
    }
    if (in->seq_n + 1 < sizeof in->seq) {
        in->seq[in->seq_n++] = (char)c;
        in->seq[in->seq_n] = '\0';
    } else {
        in->seq[0] = '!'; /* too long to be one of ours; go on swallowing */
    }
    return INPUT_NONE;
}

/*
 * ESC O and ESC [ [. A digit says that a modifier was held (ESC O 5 A): the letter after it is
 * then no key.
 */
static uint32_t input_short_tail(struct input *in, unsigned char c, uint64_t now_ns)
{
    bool linux_f = in->state == INPUT_LINUX_F;
    bool dead = in->esc_given || in->pasting || in->seq_n > 0;
    uint32_t key = INPUT_NONE;

    if (linux_f && c >= 'A' && c <= 'E')
        key = (uint32_t)INPUT_F1 + (uint32_t)(c - 'A');
    else if (!linux_f && c >= 'P' && c <= 'S')
        key = (uint32_t)INPUT_F1 + (uint32_t)(c - 'P');
    else if (!linux_f)
        key = input_letter_key((char)c);
    if (!linux_f && ((c >= '0' && c <= '9') || c == ';')) {
        in->seq_n = 1;
        return INPUT_NONE;
    }
    input_become(in, c == 0x1b ? INPUT_AFTER_ESC : INPUT_PLAIN, now_ns);
    in->esc_given = false;
    return dead ? (uint32_t)INPUT_NONE : key;
}

static uint32_t input_byte(struct input *in, unsigned char c, uint64_t now_ns)
{
    switch (in->state) {
    case INPUT_PLAIN:
        if (c == 0x1b) {
            input_become(in, INPUT_AFTER_ESC, now_ns);
            in->esc_given = false;
            in->utf8_n = 0;
            return INPUT_NONE;
        }
        if (!in->pasting)
            return input_plain(in, c);
        if (c != 0 && in->paste_n < sizeof in->paste)
            in->paste[in->paste_n++] = (char)c;
        return INPUT_NONE;
    case INPUT_AFTER_ESC:
        return input_after_esc(in, c, now_ns);
    case INPUT_CSI:
        return input_in_csi(in, c, now_ns);
    case INPUT_OLD_MOUSE:
        if (--in->swallow == 0) {
            input_become(in, INPUT_PLAIN, now_ns);
            in->esc_given = false;
        }
        return INPUT_NONE;
    case INPUT_STRING:
        if (c == 0x07)
            input_become(in, INPUT_PLAIN, now_ns);
        else if (c == 0x1b)
            input_become(in, INPUT_AFTER_ESC, now_ns);
        return INPUT_NONE;
    default:
        return input_short_tail(in, c, now_ns);
    }
}

uint32_t input_idle(struct input *in, uint64_t now_ns)
{
    bool was_esc = in->state == INPUT_AFTER_ESC && !in->esc_given;

    if (was_esc && now_ns >= in->since_ns + in->escape_delay_ns) {
        in->esc_given = true;
        return in->pasting ? (uint32_t)INPUT_NONE : INPUT_ESC;
    }
    /* Half a second after its last piece a sequence is over. */
    if (in->state != INPUT_PLAIN && now_ns >= in->since_ns + INPUT_TAIL_NS) {
        input_become(in, INPUT_PLAIN, now_ns);
        in->esc_given = false;
    }
    /* The end of a paste got lost: keys are keys again. */
    if (in->state == INPUT_PLAIN && in->pasting && now_ns >= in->since_ns + INPUT_PASTE_NS) {
        in->pasting = false;
        return INPUT_PASTE;
    }
    return INPUT_NONE;
}

uint64_t input_deadline_ns(const struct input *in)
{
    if (in->state == INPUT_PLAIN)
        return in->pasting ? in->since_ns + INPUT_PASTE_NS : 0;
    if (in->state == INPUT_AFTER_ESC && !in->esc_given)
        return in->since_ns + in->escape_delay_ns;
    return in->since_ns + INPUT_TAIL_NS;
}

size_t input_feed(struct input *in, const void *bytes, size_t n, uint64_t now_ns, uint32_t *key)
{
    const unsigned char *p = bytes;
    size_t keys = 0;

    if (n > INPUT_KEYS_MAX)
        n = INPUT_KEYS_MAX;
    for (size_t i = 0; i < n; i++) {
        uint32_t k = input_byte(in, p[i], now_ns);
        if (in->state != INPUT_PLAIN || in->pasting)
            in->since_ns = now_ns;
        if (k != INPUT_NONE)
            key[keys++] = k;
    }
    return keys;
}
