/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of the control commands, made from commands.def. Constant data; runs in the
 * master and in observers.
 */
#include "weir/control.h"

const char *const control_command_word[COMMAND_COUNT] = {
#define COMMAND(name, word, arguments, access, help) [COMMAND_##name] = word,
#include "weir/commands.def"
#undef COMMAND
};

const char *const control_command_arguments[COMMAND_COUNT] = {
#define COMMAND(name, word, arguments, access, help) [COMMAND_##name] = arguments,
#include "weir/commands.def"
#undef COMMAND
};

const char *const control_command_help[COMMAND_COUNT] = {
#define COMMAND(name, word, arguments, access, help) [COMMAND_##name] = help,
#include "weir/commands.def"
#undef COMMAND
};

const enum control_access control_command_access[COMMAND_COUNT] = {
#define COMMAND(name, word, arguments, access, help) [COMMAND_##name] = CONTROL_##access,
#include "weir/commands.def"
#undef COMMAND
};
