/* SPDX-License-Identifier: MIT */
/* path - from the path of a request to the name of a file: see path.h. */
#include "path.h"

#include <string.h>
#include <strings.h>

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* One character, and *used of the text; or -400, -404. */
static int decode(const char *text, size_t length, size_t *used)
{
    int c = (unsigned char)text[0];
    *used = 1;
    if (c == '%') {
        int high = length > 2 ? digit(text[1]) : -1, low = length > 2 ? digit(text[2]) : -1;
        if (high < 0 || low < 0)
            return -400;
        *used = 3;
        c = high * 16 + low;
        if (c == '/')
            return -404;
    }
    return c < ' ' || c == 127 ? -400 : c;
}

int path_decode(const char *path, size_t length, char *name, size_t room)
{
    static const char index[] = "index.html";
    size_t n = 0, used;
    for (size_t at = 0; at < length; at += used) {
        int c = decode(path + at, length - at, &used);
        bool starts = n == 0 || name[n - 1] == '/';
        if (c < 0)
            return c;
        if (c == '.' && starts)
            return -404;
        if (c == '/' && starts)
            continue;
        if (n + 1 >= room)
            return -414;
        name[n++] = (char)c;
    }
    if (n == 0 || name[n - 1] == '/') {
        if (n + sizeof index > room)
            return -414;
        memcpy(name + n, index, sizeof index - 1);
        n += sizeof index - 1;
    }
    name[n] = 0;
    return (int)n;
}

const char *path_type(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".htm", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/markdown; charset=utf-8"},
        {".js", "text/javascript"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
        {".pdf", "application/pdf"},
        {".mp4", "video/mp4"},
    };
    const char *end = strrchr(name, '.');
    for (size_t i = 0; end && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(end, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}
