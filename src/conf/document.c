/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings table as documents: the sample file etc/weir.ini, in which every key stands
 * with its help and what it does not set is commented out, and the table of weir.ini(5) in
 * mdoc(7). Run by hand through the unit test, and compared by it. Master and tests.
 */
#include "conf/settings.h"

enum { COMMENT_COLUMNS = 96 };

/* What the shipped sample sets although it is not the default. */
static const struct {
    enum setting_id id;
    const char *value;
} shipped[] = {
    {SETTING_log_access, "/var/log/weir/access.log"},
    {SETTING_location_files, "/srv"},
};

static const char *shipped_value(enum setting_id id)
{
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++)
        if (shipped[i].id == id)
            return shipped[i].value;
    return NULL;
}

/* text in lines of comment, broken at spaces. */
static void write_comment(FILE *to, struct span text)
{
    size_t column = 0;

    for (struct span word = value_word(&text); word.n > 0; word = value_word(&text)) {
        if (column > 0 && column + 1 + word.n > COMMENT_COLUMNS) {
            fputc('\n', to);
            column = 0;
        }
        column += (size_t)fprintf(to, "%s%.*s", column == 0 ? "# " : " ", (int)word.n, word.p);
    }
    fputc('\n', to);
}

/* The bounds of a number, time or size, as the types write them. Empty for all other types. */
static void add_bounds(const struct setting *s, struct buf *text)
{
    bool is_time = s->type == &value_TIME,
         is_size = s->type == &value_SIZE || s->type == &value_WINDOW;
    const uint64_t bounds[2] = {s->min, s->max};

    if (s->max == 0)
        return;
    for (int i = 0; i < 2; i++) {
        buf_addf(text, i == 0 ? "from " : " to ");
        if (is_time)
            value_print_time(text, bounds[i]);
        else if (is_size)
            value_print_size(text, bounds[i]);
        else
            buf_addf(text, "%llu", (unsigned long long)bounds[i]);
    }
    if (s->unit[0] != '\0')
        buf_addf(text, " %s", s->unit);
}

static void write_setting(FILE *to, const struct setting *s)
{
    const char *value = shipped_value(s->id);
    struct buf help = {0};

    buf_addf(&help, "%s", s->help);
    if (s->max > 0) {
        buf_addf(&help, " (");
        add_bounds(s, &help);
        buf_addf(&help, ")");
    }
    fputc('\n', to);
    write_comment(to, buf_span(&help));
    buf_free(&help);
    if (value && s->initial)
        fprintf(to, "# Default: %s\n", s->initial);
    if (s->section == SECTION_types)
        fprintf(to, "#md = %s\n", s->example);
    else if (value)
        fprintf(to, "%s = %s\n", s->key, value);
    else
        fprintf(to, "#%s = %s\n", s->key, s->initial ? s->initial : s->example);
}

static void write_section(FILE *to, enum conf_section section)
{
    static const char *const head[SECTION_COUNT] = {[SECTION_location] = "[location /]",
                                                    [SECTION_fault] = "#[fault /srv/slow/]",
                                                    [SECTION_site] =
                                                        "#[site example.org www.example.org]"};

    fputs("\n\n", to);
    write_comment(to, span_str(section_table[section].help));
    if (head[section])
        fprintf(to, "%s\n", head[section]);
    else
        fprintf(to, "[%s]\n", section_table[section].name);
    for (int i = 0; i < SETTING_COUNT; i++)
        if (setting_table[i].section == section)
            write_setting(to, &setting_table[i]);
}

void conf_print_sample(FILE *to)
{
    fputs(
        "# The configuration of weir(8). Every key is here with its default, commented out where\n"
        "# the default holds; weir.ini(5) says the same at more length. `weir -t -c FILE' checks\n"
        "# a file, and with -v it shows what is in force.\n"
        "#\n"
        "# Sizes take k, m, g or t (of 1024), times ms, s, m, h or d. ${NAME} is a variable of\n"
        "# the environment. Comments behind a value begin with \" ;\". A line has at most 199\n"
        "# bytes; one that begins with white space continues the value before it.\n",
        to);
    for (int i = 0; i < SECTION_COUNT; i++)
        write_section(to, (enum conf_section)i);
    fputs("\n#[location /]\n#files = /srv/example.org\n", to);
}

/* Text of roff(7): backslashes, and dots and quotes that would begin a request. */
static void write_roff(FILE *to, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (; *text; text++)
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            fputc(*text, to);
}

static void write_row(FILE *to, const struct setting *s)
{
    struct buf facts = {0};

    fputs(".It Ic ", to);
    write_roff(to, s->key);
    fputs("\n", to);
    write_roff(to, s->help);
    buf_addf(&facts, "Type: %s", s->type->name);
    if (s->max > 0) {
        buf_addf(&facts, ", ");
        add_bounds(s, &facts);
    }
    buf_addf(&facts, ". ");
    if (s->initial)
        buf_addf(&facts, "Default: %s.", s->initial);
    else if (s->section == SECTION_types)
        buf_addf(&facts, "No default.");
    else
        buf_addf(&facts, "No default; for example: %s.", s->example);
    if (buf_add(&facts, "", 1)) {
        fputs("\n.Pp\n", to);
        write_roff(to, facts.p);
    }
    fputc('\n', to);
    buf_free(&facts);
}

void conf_print_manual(FILE *to)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        const struct section *section = &section_table[i];
        fprintf(to, ".Ss [%s%s%s]\n", section->name, section->argument[0] ? " " : "",
                section->argument);
        write_roff(to, section->help);
        fputs("\n.Bl -tag -width Ds\n", to);
        for (int j = 0; j < SETTING_COUNT; j++)
            if (setting_table[j].section == (enum conf_section)i)
                write_row(to, &setting_table[j]);
        fputs(".El\n", to);
    }
}
