/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz driver without libFuzzer: each file of its corpus (tests/fuzz/corpus/NAME
 * beneath $WEIR_SRC, or the folder or files named as arguments), then some thousands of
 * mutations of them, the same in each run. Reports in TAP. A driver that aborts ends the
 * program before its second line, which the harness counts as a failure.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum { INPUTS_MAX = 1000, INPUT_BYTES_MAX = 8192, MUTATIONS = 5000 };

static struct span inputs[INPUTS_MAX];
static unsigned input_count;

/* Each run gets memory of exactly its size, so that a sanitizer sees a read beyond it. */
static void run(const char *p, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);

    must(copy);
    if (n > 0)
        memcpy(copy, p, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void read_input(const char *path)
{
    char bytes[INPUT_BYTES_MAX];
    FILE *f = fopen(path, "rb");

    if (!f || input_count == INPUTS_MAX) {
        fprintf(stderr, "cannot take %s\n", path);
        exit(EXIT_FAILURE);
    }
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    inputs[input_count].p = span_dup(span_of(bytes, n));
    must(inputs[input_count].p);
    inputs[input_count++].n = n;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void read_inputs(const char *path)
{
    struct dirent **names;
    struct stat st;

    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        read_input(path);
        return;
    }
    int n = scandir(path, &names, is_visible, by_name);
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        read_input(file);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

/* xorshift64: the same numbers everywhere. */
static uint64_t next_random(void)
{
    static uint64_t x = UINT64_C(0x2545f4914f6cdd1d);

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static size_t below(size_t n)
{
    return n > 0 ? (size_t)(next_random() % n) : 0;
}

/* Puts m bytes from `from` at p[at..), moving what is there; what does not fit is dropped. */
static size_t insert(char *p, size_t n, size_t at, const char *from, size_t m)
{
    if (m > INPUT_BYTES_MAX - n)
        m = INPUT_BYTES_MAX - n;
    if (m == 0)
        return n;
    memmove(p + at + m, p + at, n - at);
    memcpy(p + at, from, m);
    return n + m;
}

static size_t mutate(char *p, size_t n)
{
    static const char telling[] = "\0\t\n\r \"#%&*+,-./09:;=?@AZ[\\]azWGM\x7f\x80\xff";
    struct span other = inputs[below(input_count)];
    size_t at = below(n), length = below(n - at > 16 ? 16 : n - at + 1);
    char one = telling[below(sizeof telling)], piece[16];

    switch (below(6)) {
    case 0:
        if (n > 0)
            p[at] = (char)(p[at] ^ 1 << below(8));
        return n;
    case 1:
        if (n > 0)
            p[at] = one;
        return n;
    case 2:
        return insert(p, n, at, &one, 1);
    case 3: /* takes some out */
        memmove(p + at, p + at + length, n - at - length);
        return n - length;
    case 4: /* doubles some */
        memcpy(piece, p + at, length);
        return insert(p, n, at, piece, length);
    default: /* takes some from another input */
        length = below(other.n);
        return insert(p, n, at, other.p + length, below(other.n - length + 1));
    }
}

static void run_mutations(void)
{
    static char bytes[INPUT_BYTES_MAX];

    for (int i = 0; i < MUTATIONS; i++) {
        struct span from = inputs[below(input_count)];
        size_t n = from.n, times = 1 + below(6);
        if (n > 0)
            memcpy(bytes, from.p, n);
        while (times-- > 0)
            n = mutate(bytes, n);
        run(bytes, n);
    }
}

int main(int argc, char **argv)
{
    const char *src = getenv("WEIR_SRC");
    char corpus[4096];

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..2\n");
    for (int i = 1; i < argc; i++)
        read_inputs(argv[i]);
    if (argc < 2) {
        snprintf(corpus, sizeof corpus, "%s/tests/fuzz/corpus/%s", src ? src : ".", FUZZ_NAME);
        read_inputs(corpus);
    }
    if (input_count == 0) {
        printf("not ok 1 - %s: no corpus\n", FUZZ_NAME);
        return EXIT_FAILURE;
    }
    run(NULL, 0);
    for (unsigned i = 0; i < input_count; i++)
        run(inputs[i].p, inputs[i].n);
    printf("ok 1 - %s: %u inputs of the corpus\n", FUZZ_NAME, input_count);
    run_mutations();
    printf("ok 2 - %s: %d mutations of them\n", FUZZ_NAME, MUTATIONS);
    for (unsigned i = 0; i < input_count; i++)
        free((void *)(uintptr_t)inputs[i].p);
    return EXIT_SUCCESS;
}
