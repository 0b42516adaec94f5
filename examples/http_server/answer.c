/* SPDX-License-Identifier: MIT */
/* answer - what is said to a request: a greeting, a file, or why not. */
#include "answer.h"
#include "files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void answer_text(struct output *o, const struct request *r, int status, const char *text, bool keeps)
{
    output_begin(o, status);
    if (status == 405)
        output_field(o, "Allow", "GET, HEAD");
    output_field(o, "Content-Type", "text/plain");
    output_number(o, "Content-Length", (int64_t)strlen(text));
    output_end(o, keeps, r->minor == 0);
    if (r->method != METHOD_HEAD)
        output_text(o, text);
}

void answer_status(struct output *o, const struct request *r, int status, bool keeps)
{
    char text[64];
    snprintf(text, sizeof text, "%s\n", output_status(status));
    answer_text(o, r, status, text, keeps);
}

static void add_file_head(struct output *o, const struct request *r, const struct file *f, const struct part *part,
                          bool keeps)
{
    char date[DATE_SIZE], tag[ETAG_SIZE], range[80];
    long long size = f->version.size, from = part->from, to = part->from + part->length - 1;
    date_format(f->version.modified.tv_sec, date);
    etag_format(&f->version, tag);
    output_begin(o, part->status);
    output_field(o, "ETag", tag);
    output_field(o, "Last-Modified", date);
    if (part->status == 416) {
        snprintf(range, sizeof range, "bytes */%lld", size);
        output_field(o, "Content-Range", range);
    } else if (part->status == 206) {
        snprintf(range, sizeof range, "bytes %lld-%lld/%lld", from, to, size);
        output_field(o, "Content-Range", range);
    }
    if (part->status != 304) {
        output_field(o, "Accept-Ranges", "bytes");
        output_field(o, "Content-Type", f->type);
        output_number(o, "Content-Length", part->length);
    }
    output_end(o, keeps, r->minor == 0);
}

static bool answer_file(struct output *o, const struct request *r, const char *data, bool keeps)
{
    struct file f;
    int error = files_open(&f, data + r->path.at, r->path.length);
    if (error < 0) {
        answer_status(o, r, -error, keeps);
        return true;
    }
    struct part part = condition_decide(r, data, &f.version);
    add_file_head(o, r, &f, &part, keeps);
    bool sent = true;
    if (r->method == METHOD_GET && part.length > 0)
        sent = output_flush(o, true) && output_file(o, f.fd, part.from, part.length);
    close(f.fd);
    return sent;
}

static bool is_path(const struct request *r, const char *data, const char *path)
{
    return r->path.length == strlen(path) && memcmp(data + r->path.at, path, r->path.length) == 0;
}

bool answer_request(struct output *o, const struct request *r, const char *data, bool keeps)
{
    if (r->method == METHOD_KNOWN)
        answer_status(o, r, 405, keeps);
    else if (r->method == METHOD_UNKNOWN)
        answer_status(o, r, 501, keeps);
    else if (is_path(r, data, "/") || is_path(r, data, "/hello"))
        answer_text(o, r, 200, "Hello, world!\n", keeps);
    else
        return answer_file(o, r, data, keeps);
    return true;
}
