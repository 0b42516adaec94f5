/* SPDX-License-Identifier: MIT */
/* worker_pool - a few workers share a long list of work: they count the words of a file, and the ten most frequent are
 * printed.
 *
 *     worker_pool [--workers N] [FILE]        FILE: - for the standard input
 *
 * The file is cut into pieces; a channel hands them to the workers, each to one. However long the file, there are N tasks
 * and N counts: memory is bounded by what is being worked on, not by what there is to do. */
#include <mote.h>

#include "program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <search.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE 4096
#define TOP 10

static const char *file = __FILE__;
static long workers = 4;

struct piece {
    const char *from, *to;
};

struct word {
    const char *text; /* in the file's text; not ended by 0 */
    size_t length;
    long count;
};

static int by_text(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->length < y->length ? x->length : y->length);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* The most frequent first, and those that are equally so by alphabet. */
static int by_count(const struct word *x, const struct word *y)
{
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count) : by_text(x, y);
}

/* Words and their counts are a tree of tsearch(3). A worker has its own while it works, so it needs no lock. */
static int add(void **words, struct word word)
{
    struct word **there = tfind(&word, words, by_text);
    struct word *w = there ? *there : malloc(sizeof *w);
    if (there)
        w->count += word.count;
    else if (w)
        *w = word;
    if (there || (w && tsearch(w, words, by_text)))
        return 0;
    free(w);
    return -ENOMEM;
}

/* Any one of them; there must be one. */
static struct word take(void **words)
{
    struct word *w = *(struct word **)*words, word = *w;
    tdelete(w, words, by_text);
    free(w);
    return word;
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
    void *words;
} total;

/* A worker: counts pieces until there are no more, then adds what it has to the total. What it returns below 0 is the
 * group's error; by the context it learns that another one has failed. */
static int work(mote_ctx *ctx, mote_chan(struct piece) pieces)
{
    void *own = NULL;
    int error = 0;
    mote_chan_range (pieces, piece) {
        const char *at = piece.from;
        for (const char *word; error == 0 && (word = next_word(&at, piece.to));)
            error = add(&own, (struct word){word, (size_t)(at - word), 1});
        if (error == 0)
            error = mote_ctx_err(ctx);
        if (error < 0)
            break;
    }
    mote_mutex_lock(&total.mutex);
    while (own) {
        struct word word = take(&own);
        if (error == 0)
            error = add(&total.words, word);
    }
    mote_mutex_unlock(&total.mutex);
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

/* Empties the total, and compares its sum with a count made without it. */
static int report(const char *text, const char *end)
{
    struct word top[TOP + 1]; /* in order; one more for what drops out */
    long sum = 0, expected = 0, different = 0;
    int n = 0;
    for (; total.words; different++) {
        struct word word = take(&total.words);
        int at = n;
        for (; at > 0 && by_count(&word, &top[at - 1]) < 0; at--)
            top[at] = top[at - 1];
        top[at] = word;
        n += n < TOP;
        sum += word.count;
    }
    for (int i = 0; i < n; i++)
        printf("%7ld %.*s\n", top[i].count, (int)top[i].length, top[i].text);
    while (next_word(&text, end))
        expected++;
    printf("%7ld words, %ld different ones\n", sum, different);
    return sum == expected ? 0 : -EIO;
}

/* All of it, in lower case. The caller frees *text, also after an error. */
static int read_file(char **text, size_t *length)
{
    size_t room = 0;
    int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : mote_open(file, O_RDONLY | O_CLOEXEC);
    intptr_t n = fd < 0 ? fd : 1;
    while (n > 0) {
        char *more = *length < room ? *text : realloc(*text, room = 2 * room + 65536);
        n = more ? mote_read(fd, more + *length, room - *length) : -ENOMEM;
        *text = more ? more : *text;
        *length += n > 0 ? (size_t)n : 0;
    }
    if (fd > STDIN_FILENO)
        mote_close(fd);
    for (size_t i = 0; i < *length; i++)
        (*text)[i] = (char)tolower((unsigned char)(*text)[i]);
    return (int)n;
}

static int count_words(const char *text, size_t length)
{
    mote_chan(struct piece) pieces = mote_chan_make(struct piece, 0);
    mote_group group = {0}; /* may lie here: the main task's stack is never copied */
    mote_ctx *ctx = mote_group_ctx(&group);
    int error = 0;
    if (!pieces || !ctx)
        return -ENOMEM;
    for (long i = 0; i < workers && error == 0; i++)
        error = mote_group_go(&group, work, ctx, pieces);
    if (error < 0)
        mote_group_cancel(&group, error);
    else
        cut(ctx, pieces, text, text + length);
    mote_chan_close(pieces); /* the workers' loops end */
    error = mote_group_wait(&group);
    mote_chan_free(pieces);
    return error ? error : report(text, text + length);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    char *text = NULL;
    size_t length = 0;
    int error = read_file(&text, &length);
    if (error < 0)
        fprintf(stderr, "worker_pool: %s: %s\n", file, strerror(-error));
    int result = error ? 1 : count_words(text, length);
    free(text);
    return result;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: worker_pool [--workers N] [FILE]";
    static const struct option options[] = {{"workers", 1, NULL, 'w'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?')
            program_refuse(usage);
        workers = program_number(optarg, 1, 1000000, usage);
    }
    if (argc > optind + 1)
        program_refuse(usage);
    file = argc > optind ? argv[optind] : file;
    return program_status("worker_pool", mote_run(app, argc, argv));
}
