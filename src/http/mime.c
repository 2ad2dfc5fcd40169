/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Media types: a hash table with open addressing, keyed by the extension in lower case. What
 * is built in points at constants; what is added has memory of its own, which never moves,
 * so that types found stay good for the table's life. No look-up is longer than the longest
 * extension known, whatever a file is called. Filled in the master, read in workers.
 */
#include "http/mime.h"

#include <stdlib.h>

struct entry {
    struct span extension; /* p NULL: a free place */
    struct span type;
    char *memory; /* NULL: built in */
};

struct mime_table {
    struct entry *place;
    size_t places; /* a power of two */
    size_t used;
    size_t longest; /* extension */
};

static const struct {
    const char *extension, *type;
} built_in[] = {
    {"html", "text/html"},
    {"htm", "text/html"},
    {"shtml", "text/html"},
    {"xhtml", "application/xhtml+xml"},
    {"css", "text/css"},
    {"js", "text/javascript"},
    {"mjs", "text/javascript"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"jsonld", "application/ld+json"},
    {"webmanifest", "application/manifest+json"},
    {"geojson", "application/geo+json"},
    {"xml", "text/xml"},
    {"xsl", "text/xml"},
    {"rss", "application/rss+xml"},
    {"atom", "application/atom+xml"},
    {"txt", "text/plain"},
    {"text", "text/plain"},
    {"log", "text/plain"},
    {"conf", "text/plain"},
    {"ini", "text/plain"},
    {"c", "text/plain"},
    {"h", "text/plain"},
    {"py", "text/plain"},
    {"sh", "text/plain"},
    {"md", "text/markdown"},
    {"csv", "text/csv"},
    {"tsv", "text/tab-separated-values"},
    {"ics", "text/calendar"},
    {"vcf", "text/vcard"},
    {"vtt", "text/vtt"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"toml", "application/toml"},
    {"svg", "image/svg+xml"},
    {"svgz", "image/svg+xml"},
    {"png", "image/png"},
    {"apng", "image/apng"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"ico", "image/vnd.microsoft.icon"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"heic", "image/heic"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"eot", "application/vnd.ms-fontobject"},
    {"mp3", "audio/mpeg"},
    {"m4a", "audio/mp4"},
    {"aac", "audio/aac"},
    {"ogg", "audio/ogg"},
    {"oga", "audio/ogg"},
    {"opus", "audio/ogg"},
    {"flac", "audio/flac"},
    {"wav", "audio/wav"},
    {"mid", "audio/midi"},
    {"mp4", "video/mp4"},
    {"m4v", "video/mp4"},
    {"webm", "video/webm"},
    {"ogv", "video/ogg"},
    {"mov", "video/quicktime"},
    {"mkv", "video/matroska"},
    {"avi", "video/x-msvideo"},
    {"mpg", "video/mpeg"},
    {"mpeg", "video/mpeg"},
    {"ts", "video/mp2t"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"mpd", "application/dash+xml"},
    {"pdf", "application/pdf"},
    {"epub", "application/epub+zip"},
    {"rtf", "application/rtf"},
    {"wasm", "application/wasm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tgz", "application/gzip"},
    {"bz2", "application/x-bzip2"},
    {"xz", "application/x-xz"},
    {"zst", "application/zstd"},
    {"7z", "application/x-7z-compressed"},
    {"tar", "application/x-tar"},
    {"jar", "application/java-archive"},
    {"deb", "application/vnd.debian.binary-package"},
    {"rpm", "application/x-rpm"},
    {"iso", "application/x-iso9660-image"},
    {"doc", "application/msword"},
    {"xls", "application/vnd.ms-excel"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
};

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* FNV-1a over the bytes in lower case. */
static size_t hash(struct span s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)lower(s.p[i])) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

/* Where the extension is, or the free place where it belongs; there always is a free one. */
static struct entry *find_place(struct entry *place, size_t places, struct span extension)
{
    size_t i = hash(extension) & (places - 1);

    while (place[i].extension.p && !span_ieq(place[i].extension, extension))
        i = (i + 1) & (places - 1);
    return &place[i];
}

/* Keeps a quarter of the places free. */
static bool make_room(struct mime_table *t)
{
    if (t->used < t->places / 4 * 3)
        return true;
    size_t places = t->places ? t->places * 2 : 256;
    struct entry *place = calloc(places, sizeof *place);
    if (!place)
        return false;
    for (size_t i = 0; i < t->places; i++)
        if (t->place[i].extension.p)
            *find_place(place, places, t->place[i].extension) = t->place[i];
    free(t->place);
    t->place = place;
    t->places = places;
    return true;
}

/* There is room, and the place is free or built in. */
static void fill(struct mime_table *t, struct entry *e, struct entry with)
{
    if (!e->extension.p)
        t->used++;
    *e = with;
    if (with.extension.n > t->longest)
        t->longest = with.extension.n;
}

struct mime_table *mime_table_new(void)
{
    struct mime_table *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
        struct span extension = span_str(built_in[i].extension);
        if (!make_room(t)) {
            mime_table_free(&t);
            return NULL;
        }
        fill(t, find_place(t->place, t->places, extension),
             (struct entry){extension, span_str(built_in[i].type), NULL});
    }
    return t;
}

void mime_table_free(struct mime_table **table)
{
    struct mime_table *t = *table;

    if (!t)
        return;
    for (size_t i = 0; i < t->places; i++)
        free(t->place[i].memory);
    free(t->place);
    free(t);
    *table = NULL;
}

/* Types go into a response's head, so no control byte may come in here. */
static bool is_clean(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return s.n > 0;
}

bool mime_table_add(struct mime_table *t, struct span extension, struct span type)
{
    if (extension.n > 0 && extension.p[0] == '.')
        extension = span_from(extension, 1);
    if (!is_clean(extension) || !is_clean(type) || memchr(extension.p, '/', extension.n))
        return true;
    if (!make_room(t))
        return false;
    struct entry *e = find_place(t->place, t->places, extension);
    if (e->extension.p && e->memory)
        return true;
    char *memory = malloc(extension.n + type.n);
    if (!memory)
        return false;
    for (size_t i = 0; i < extension.n; i++)
        memory[i] = lower(extension.p[i]);
    memcpy(memory + extension.n, type.p, type.n);
    fill(t, e,
         (struct entry){span_of(memory, extension.n), span_of(memory + extension.n, type.n),
                        memory});
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line, up to white space or a comment; empty at the end. */
static struct span next_word(struct span *line)
{
    size_t start = 0;

    while (start < line->n && is_blank(line->p[start]))
        start++;
    size_t end = start;
    while (end < line->n && !is_blank(line->p[end]))
        end++;
    struct span word = {line->p + start, end - start};
    *line = span_from(*line, end);
    if (word.n > 0 && word.p[0] == '#') {
        *line = span_from(*line, line->n);
        word.n = 0;
    }
    return word;
}

bool mime_table_add_file(struct mime_table *t, struct span text)
{
    while (text.p) {
        struct span line = span_cut(&text, '\n');
        struct span type = next_word(&line);
        if (type.n == 0 || !memchr(type.p, '/', type.n))
            continue;
        for (struct span word = next_word(&line); word.n > 0; word = next_word(&line))
            if (!mime_table_add(t, word, type))
                return false;
    }
    return true;
}

struct span mime_table_find(const struct mime_table *t, struct span name)
{
    size_t base = name.n;

    while (base > 0 && name.p[base - 1] != '/')
        base--;
    size_t from = name.n - base > t->longest + 1 ? name.n - t->longest - 1 : base + 1;
    for (size_t i = from; i < name.n; i++) {
        if (name.p[i] != '.' || i + 1 == name.n)
            continue;
        const struct entry *e = find_place(t->place, t->places, span_from(name, i + 1));
        if (e->extension.p)
            return e->type;
    }
    return SPAN("application/octet-stream");
}

static bool ends_in(struct span s, struct span suffix)
{
    return s.n >= suffix.n && span_ieq(span_from(s, s.n - suffix.n), suffix);
}

bool mime_is_text(struct span type)
{
    static const struct span others[] = {
        {"application/json", 16},       {"application/xml", 15},  {"application/javascript", 22},
        {"application/ecmascript", 22}, {"application/yaml", 16}, {"application/toml", 16}};
    struct span parameters = type;
    struct span essence = span_trim(span_cut(&parameters, ';'));

    while (parameters.p) {
        struct span parameter = span_trim(span_cut(&parameters, ';'));
        if (parameter.n >= 8 && span_ieq(span_of(parameter.p, 8), SPAN("charset=")))
            return false;
    }
    if (essence.n > 5 && span_ieq(span_of(essence.p, 5), SPAN("text/")))
        return true;
    if (ends_in(essence, SPAN("+json")) || ends_in(essence, SPAN("+xml")))
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (span_ieq(essence, others[i]))
            return true;
    return false;
}
