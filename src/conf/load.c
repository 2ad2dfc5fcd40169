/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading: a file's bytes through ini_file_parse into a builder, then overrides, then the
 * checks of the whole; or the configuration of `weir DIR`, made without a file. Also the end
 * of a struct conf. Master only.
 */
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/builder.h"
#include "conf/facts.h"
#include "conf/ini_file.h"

static void free_location(struct conf_location *location)
{
    close_fd(&location->root_fd);
    free(location->prefix);
    free(location->files);
    value_list_free(&location->index);
    free(location->cache_control);
    free(location->charset);
    free(location->default_type);
    free(location->redirect_to);
    free(location);
}

void conf_free(struct conf **pointer)
{
    struct conf *conf = *pointer;

    if (!conf)
        return;
    free(conf->path);
    free(conf->server.name);
    value_listen_free(&conf->server.listen, &conf->server.listen_count);
    free(conf->server.user);
    free(conf->server.group);
    free(conf->server.watch_group);
    free(conf->server.runtime_dir);
    free(conf->server.mime_types);
    free(conf->log.access);
    free(conf->log.error);
    for (size_t i = 0; i < conf->type_count; i++) {
        free(conf->types[i].extension);
        free(conf->types[i].type);
    }
    free(conf->types);
    for (size_t i = 0; i < conf->fault_count; i++)
        free(conf->faults[i].prefix);
    free(conf->faults);
    for (size_t i = 0; i < conf->location_count; i++)
        free_location(conf->locations[i]);
    free(conf->locations);
    for (size_t i = 0; i < conf->site_count; i++) {
        value_list_free(&conf->sites[i].names);
        free(conf->sites[i].locations);
        value_error_pages_free(&conf->sites[i].error_pages, &conf->sites[i].error_page_count);
    }
    free(conf->sites);
    free(conf);
    *pointer = NULL;
}

/* What the file holds; NULL when it cannot be told, with the error added if there is one. */
static const struct fact *ask_for_text(const char *path, struct conf_errors *errors)
{
    struct conf_origin whole = {0};
    const struct fact *f = fact_ask(FACT_CONFIG, span_str(path));

    if (!f)
        errors->no_memory = true;
    else if (f->state == FACT_LATE)
        errors_add(errors, whole, "cannot be read: its file system does not answer");
    else if (f->state == FACT_KNOWN && f->error != 0)
        errors_add(errors, whole, "cannot be read: %s", strerror(f->error));
    else if (f->state == FACT_KNOWN && f->data.n > FACT_BYTES_MAX)
        errors_add(errors, whole, "larger than 4 MiB: this is not a configuration");
    else if (f->state == FACT_KNOWN)
        return f;
    return NULL;
}

/* Ends a load: the conf when there was no error, else the errors as text. */
static int conclude(struct conf *conf, struct conf_errors *errors, struct conf **out,
                    struct buf *text)
{
    int result = errors_any(errors) ? -1 : 0;

    if (result != 0) {
        errors_write(errors, text);
        conf_free(&conf);
    }
    errors_free(errors);
    *out = conf;
    return result;
}

static void apply_overrides(struct builder *b, const char *const *overrides, size_t count)
{
    for (size_t i = 0; i < count; i++)
        builder_override(b, overrides[i]);
}

int conf_load(const char *path, const char *const *overrides, size_t override_count,
              struct conf **out, struct buf *errors)
{
    struct conf_errors found = {.path = path};
    struct conf *conf = calloc(1, sizeof *conf);
    struct builder builder;
    const struct fact *file;
    struct buf text = {0};

    if (!conf || !(conf->path = span_dup(span_str(path))) ||
        !builder_init(&builder, conf, &found)) {
        found.no_memory = true;
        return conclude(conf, &found, out, errors);
    }
    file = ask_for_text(path, &found);
    if (file && !buf_add_span(&text, buf_span(&file->data)))
        found.no_memory = true;
    else if (file) {
        const struct ini_file_events events = {builder_section, builder_value, &builder};
        ini_file_parse(buf_span(&text), &events, &found);
        apply_overrides(&builder, overrides, override_count);
        builder_finish(&builder);
    }
    buf_free(&text);
    return conclude(conf, &found, out, errors);
}

/* The root as an absolute path: from the working directory, without "./" in front. */
static bool make_absolute(const char *root, struct buf *to)
{
    struct span rest = span_str(root);

    if (!span_starts(rest, SPAN("/"))) {
        char *here = getcwd(NULL, 0);
        bool good = here && buf_add_span(to, span_str(here));
        free(here);
        if (!good)
            return false;
        if (to->n > 0 && to->p[to->n - 1] == '/')
            to->n--;
    }
    while (rest.p) {
        struct span segment = span_cut(&rest, '/');
        if (segment.n > 0 && !span_eq(segment, SPAN(".")) &&
            (!buf_add(to, "/", 1) || !buf_add_span(to, segment)))
            return false;
    }
    if (to->n == 0 || strchr(" \t", to->p[to->n - 1]))
        return buf_add(to, "/", 1); /* "/" itself; and a slash keeps white space at the end */
    return true;
}

/* [location /] with files = root and listing = auto. */
static void add_root(struct builder *b, const char *root)
{
    const struct setting *files = &setting_table[SETTING_location_files];
    struct conf_origin none = {0};
    struct buf path = {0}, why = {0};
    struct conf_location *location = builder_add_location(b, SPAN("/"), 0);

    if (!location) {
        b->errors->no_memory = true;
        return;
    }
    location->handler = CONF_FILES;
    location->listing = CONF_LISTING_AUTO;
    b->root = location;
    if (!make_absolute(root, &path))
        errors_add(b->errors, none, "%s: its absolute path cannot be found: %s", root,
                   strerror(errno));
    else if (!value_is_plain(buf_span(&path), &why) ||
             !files->type->parse(files, buf_span(&path), location, &why))
        errors_add(b->errors, none, "%s: %.*s", root, (int)why.n, why.n > 0 ? why.p : "");
    buf_free(&path);
    buf_free(&why);
}

int conf_load_default(const char *root, const char *const *overrides, size_t override_count,
                      struct conf **out, struct buf *errors)
{
    struct conf_errors found = {0};
    struct conf *conf = calloc(1, sizeof *conf);
    struct builder builder;

    if (!conf || !builder_init(&builder, conf, &found)) {
        found.no_memory = true;
        return conclude(conf, &found, out, errors);
    }
    add_root(&builder, root);
    apply_overrides(&builder, overrides, override_count);
    builder_finish(&builder);
    return conclude(conf, &found, out, errors);
}
