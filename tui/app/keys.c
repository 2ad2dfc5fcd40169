/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key table and the look-up in it.
 */
#include "tui/app/keys.h"

#define KEY_READ  false
#define KEY_WRITE true

const struct key_row key_table[ACTION_COUNT] = {
#define ACTION(name, group, shown, k1, k2, k3, access, foot, help)                                 \
    [ACTION_##name] = {GROUP_##group, shown, {k1, k2, k3}, KEY_##access, foot, help},
#include "tui/app/keys.def"
#undef ACTION
};

const char *const key_group_title[GROUP_COUNT] = {
    [GROUP_MOVE] = "Moving",
    [GROUP_LOOK] = "Looking",
    [GROUP_TIME] = "Time",
    [GROUP_SERVER] = "Changing the server (asks first)",
    [GROUP_PROGRAM] = "This program",
};

const char *const key_group_word[GROUP_COUNT] = {
    [GROUP_MOVE] = "moving",   [GROUP_LOOK] = "looking",    [GROUP_TIME] = "time",
    [GROUP_SERVER] = "server", [GROUP_PROGRAM] = "program",
};

enum action key_action(uint32_t key)
{
    if (key == INPUT_NONE)
        return ACTION_NONE;
    for (int a = 0; a < ACTION_COUNT; a++)
        for (int k = 0; k < 3; k++)
            if (key_table[a].key[k] == key)
                return (enum action)a;
    return ACTION_NONE;
}
