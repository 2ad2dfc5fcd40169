/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * [fault /prefix]: its head, its end, and what shows only when all are there. A fault that
 * would do nothing is a mistake, and so are two for the same call: which of them holds
 * should not depend on their order. Master only.
 */
#include "conf/builder.h"

#include <stdlib.h>

#include "weir/board.h"

#define READS (UINT32_C(1) << WAIT_READ)

void fault_open(struct builder *b, int line, struct span prefix)
{
    struct conf *conf = b->conf;
    struct conf_fault *grown = realloc(conf->faults, (conf->fault_count + 1) * sizeof *grown);
    char *copy = span_dup(prefix);

    if (grown)
        conf->faults = grown;
    if (!grown || !copy) {
        free(copy);
        b->errors->no_memory = true;
        return;
    }
    if (!builder_is_plain_path(prefix))
        errors_add(b->errors, (struct conf_origin){.line = line},
                   "[fault %.*s]: not a prefix; write an absolute path of the file system, without "
                   "`//', `.' or `..' in it, as in [fault /srv/slow/]",
                   (int)prefix.n, prefix.p);
    grown[conf->fault_count] = (struct conf_fault){.prefix = copy, .line = line};
    builder_set_defaults(b, SECTION_fault, &grown[conf->fault_count++]);
    b->in_fault = true;
}

void fault_close(struct builder *b)
{
    if (!b->in_fault)
        return;
    const struct conf_fault *f = &b->conf->faults[b->conf->fault_count - 1];
    struct conf_origin head = {.line = f->line};

    if (f->hang && f->error != 0)
        errors_add(b->errors, head,
                   "[fault %s] has both hang and error; what hangs never fails: keep one",
                   f->prefix);
    if (f->rate_bytes != 0 && !(f->operations & READS))
        errors_add(b->errors, b->origin[SETTING_fault_rate],
                   "`rate' does nothing without read among the operations");
    if (!f->hang && f->error == 0 && f->delay_ns == 0 && f->rate_bytes == 0)
        errors_add(b->errors, head,
                   "[fault %s] does nothing; add delay, rate, hang = yes or error = NAME",
                   f->prefix);
    b->in_fault = false;
}

static void check_twice(struct builder *b, size_t again)
{
    const struct conf_fault *new = &b->conf->faults[again];

    for (size_t i = 0; i < again; i++) {
        const struct conf_fault *old = &b->conf->faults[i];
        if (strcmp(old->prefix, new->prefix) != 0 || !(old->operations & new->operations))
            continue;
        errors_add(b->errors, (struct conf_origin){.line = new->line},
                   "[fault %s] again for the same operations: first on line %d; join the two, or "
                   "let their operations differ",
                   new->prefix, old->line);
        return;
    }
}

void fault_check_all(struct builder *b)
{
    for (size_t i = 0; i < b->conf->fault_count; i++) {
        const struct conf_fault *f = &b->conf->faults[i];
        if (!b->conf->server.allow_faults)
            errors_add(b->errors, (struct conf_origin){.line = f->line},
                       "[fault %s] makes disks look bad on purpose; take it out, or, on a server "
                       "for rehearsals, set allow_faults = yes in [server]",
                       f->prefix);
        check_twice(b, i);
    }
}
