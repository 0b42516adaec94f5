/* SPDX-License-Identifier: MIT */
/* worker_pool - a few workers share a long list of work: they count the words of a file, and the ten most frequent are
 * printed.
 *
 *     worker_pool [--workers N] [FILE]
 *
 * The file is cut into pieces; a channel hands them to the workers, each to one. However long the file, there are N tasks
 * and N tables: memory is bounded by what is being worked on, not by what there is to do. */
#include <mote.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 4096
#define TOP 10

static const char *file = __FILE__;
static long workers = 4;

struct piece {
    const char *from, *to;
};

struct word {
    const char *text; /* in the file's text; not ended by 0 */
    int length;
    long count;
};

/* Words and their counts: a hash table with open addressing. A worker has its own while it works, so it needs no lock. */
struct table {
    struct word *words;
    size_t room, used; /* room: a power of two */
};

static struct word *find(const struct table *t, const char *text, int length)
{
    size_t at = 5381;
    for (int i = 0; i < length; i++)
        at = at * 33 + (unsigned char)text[i];
    for (;; at++) {
        struct word *w = &t->words[at & (t->room - 1)];
        if (w->count == 0 || (w->length == length && memcmp(w->text, text, (size_t)length) == 0))
            return w;
    }
}

static int add(struct table *t, const char *text, int length, long count)
{
    if (2 * t->used >= t->room) {
        struct table more = {.room = t->room ? 2 * t->room : 256, .used = t->used};
        more.words = calloc(more.room, sizeof *more.words);
        if (!more.words)
            return -ENOMEM;
        for (size_t i = 0; i < t->room; i++)
            if (t->words[i].count)
                *find(&more, t->words[i].text, t->words[i].length) = t->words[i];
        free(t->words);
        *t = more;
    }
    struct word *w = find(t, text, length);
    t->used += w->count == 0;
    *w = (struct word){text, length, w->count + count};
    return 0;
}

/* The next word of a text, or NULL: moves *at behind it. */
static const char *next_word(const char **at, const char *to)
{
    while (*at < to && !isalpha((unsigned char)**at))
        ++*at;
    const char *word = *at;
    while (*at < to && isalpha((unsigned char)**at))
        ++*at;
    return word < *at ? word : NULL;
}

static struct {
    mote_mutex mutex;
    struct table table;
} total;

/* A worker: counts pieces until there are no more, then adds what it has to the total. What it returns below 0 is the
 * group's error; by the context it learns that another one has failed. */
static int work(mote_ctx *ctx, mote_chan(struct piece) pieces)
{
    struct table own = {0};
    int error = 0;
    mote_chan_range (pieces, piece) {
        const char *at = piece.from;
        for (const char *word; error == 0 && (word = next_word(&at, piece.to));)
            error = add(&own, word, (int)(at - word), 1);
        if (error == 0)
            error = mote_ctx_err(ctx);
        if (error < 0)
            break;
    }
    mote_mutex_lock(&total.mutex);
    for (size_t i = 0; i < own.room && error == 0; i++)
        if (own.words[i].count)
            error = add(&total.table, own.words[i].text, own.words[i].length, own.words[i].count);
    mote_mutex_unlock(&total.mutex);
    free(own.words);
    return error;
}

/* Sends the whole text in pieces that end between words, unless the workers fail. */
static void cut(mote_ctx *ctx, mote_chan(struct piece) pieces, const char *from, const char *end)
{
    while (from < end) {
        const char *to = end - from > PIECE ? from + PIECE : end;
        while (to < end && isalpha((unsigned char)*to))
            to++;
        struct piece piece = {from, to};
        if (mote_send_ctx(ctx, pieces, piece) < 0)
            return;
        from = to;
    }
}

/* The most frequent first, and those that are equally so by alphabet. */
static int by_count(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int order = memcmp(x->text, y->text, (size_t)(x->length < y->length ? x->length : y->length));
    return order ? order : x->length - y->length;
}

/* Prints the top of the table, and compares its sum with a count made without it. */
static int report(const char *text, const char *end)
{
    struct word *words = total.table.words;
    size_t n = 0;
    long sum = 0, expected = 0;
    for (size_t i = 0; i < total.table.room; i++) {
        sum += words[i].count;
        if (words[i].count)
            words[n++] = words[i];
    }
    if (n > 0)
        qsort(words, n, sizeof *words, by_count);
    for (size_t i = 0; i < TOP && i < n; i++)
        printf("%7ld %.*s\n", words[i].count, words[i].length, words[i].text);
    while (next_word(&text, end))
        expected++;
    printf("%7ld words, %zu different ones\n", sum, n);
    return sum == expected ? 0 : -EIO;
}

static char *read_file(size_t *length)
{
    FILE *f = fopen(file, "r");
    char *text = NULL;
    size_t got = 0;
    *length = 0;
    do {
        char *more = f ? realloc(text, *length + 65536) : NULL;
        if (!more)
            break;
        text = more;
        got = fread(text + *length, 1, 65536, f);
        *length += got;
    } while (got > 0);
    if (f)
        fclose(f);
    for (size_t i = 0; i < *length; i++)
        text[i] = (char)tolower((unsigned char)text[i]);
    return text;
}

static int count_words(int argc, char **argv)
{
    (void)argc, (void)argv;
    size_t length;
    char *text = read_file(&length);
    if (!text)
        return -errno;
    mote_chan(struct piece) pieces = mote_chan_make(struct piece, 0);
    mote_group group = {0}; /* may lie here: the main task's stack is never copied */
    mote_ctx *ctx = mote_group_ctx(&group);
    if (!pieces || !ctx)
        return -ENOMEM;
    int error = 0;
    for (long i = 0; i < workers && error == 0; i++)
        error = mote_group_go(&group, work, ctx, pieces);
    if (error < 0)
        mote_group_cancel(&group, error);
    cut(ctx, pieces, text, text + length);
    mote_chan_close(pieces); /* the workers' loops end */
    error = mote_group_wait(&group);
    if (error == 0)
        error = report(text, text + length);
    mote_chan_free(pieces);
    free(total.table.words);
    free(text);
    return error;
}

static void parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--workers") == 0 && i + 1 < argc) {
            workers = strtol(argv[++i], &end, 10);
            if (!*end && workers >= 1 && workers <= 1000000)
                continue;
        } else if (argv[i][0] != '-') {
            file = argv[i];
            continue;
        }
        fprintf(stderr, "worker_pool: %s?\nusage: worker_pool [--workers N] [FILE]\n", argv[i]);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    int error = mote_run(count_words, argc, argv);
    if (error < 0)
        fprintf(stderr, "worker_pool: %s: %s\n", file, strerror(-error));
    return error < 0 ? 1 : 0;
}
