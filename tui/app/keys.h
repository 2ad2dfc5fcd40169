/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys and what they do, out of keys.def. A key is its Unicode character, or one of the
 * INPUT_ codes above all characters. Pure.
 */
#ifndef WEIR_TUI_KEYS_H
#define WEIR_TUI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#define INPUT_CTRL(letter) ((letter)&0x1f)
#define INPUT_ENTER        '\r'
#define INPUT_ESC          0x1b

enum input_code {
    INPUT_NONE = 0,
    INPUT_UP = 0x110000,
    INPUT_DOWN,
    INPUT_LEFT,
    INPUT_RIGHT,
    INPUT_HOME,
    INPUT_END,
    INPUT_PAGE_UP,
    INPUT_PAGE_DOWN,
    INPUT_INSERT,
    INPUT_DELETE,
    INPUT_BACKSPACE,
    INPUT_F1,
    INPUT_F10 = INPUT_F1 + 9,
    INPUT_F12 = INPUT_F1 + 11,
    INPUT_PASTE, /* text was pasted; it was thrown away */
    INPUT_MOUSE, /* a button or the wheel; input_mouse_take says what */
    INPUT_BACK_TAB
};

enum action {
#define ACTION(name, group, shown, k1, k2, k3, access, foot, help) ACTION_##name,
#include "tui/app/keys.def"
#undef ACTION
    ACTION_COUNT,
    ACTION_NONE = ACTION_COUNT
};

enum key_group { GROUP_MOVE, GROUP_LOOK, GROUP_TIME, GROUP_SERVER, GROUP_PROGRAM, GROUP_COUNT };

struct key_row {
    enum key_group group;
    const char *shown;
    uint32_t key[3];
    bool write;
    const char *foot;
    const char *help;
};

extern const struct key_row key_table[ACTION_COUNT];
extern const char *const key_group_title[GROUP_COUNT];
extern const char *const key_group_word[GROUP_COUNT]; /* of :help */

enum action key_action(uint32_t key);

#endif
