/* SPDX-License-Identifier: MIT */
/* json - text of a JSON file, written in large pieces.
 * Job: see json.h.
 */
#include "debug/json.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LONGEST 32 /* of what is added at once without a look at the room in between */

void json_flush(struct json *j)
{
    for (size_t done = 0; done < j->used && !j->error;) {
        ssize_t n = write(j->fd, j->text + done, j->used - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            j->error = n == 0 ? -EIO : -errno;
    }
    j->used = 0;
}

static char *room(struct json *j)
{
    if (j->used > sizeof j->text - LONGEST)
        json_flush(j);
    return j->text + j->used;
}

void json_text(struct json *j, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        if (j->used == sizeof j->text)
            json_flush(j);
        size_t free = sizeof j->text - j->used, n = left < free ? left : free;
        memcpy(j->text + j->used, text, n);
        j->used += n;
        text += n;
        left -= n;
    }
}

void json_number(struct json *j, uint64_t n)
{
    char digits[20], *to = room(j);
    int count = 0;
    do
        digits[count++] = (char)('0' + n % 10);
    while (n /= 10);
    j->used += (size_t)count;
    while (count)
        *to++ = digits[--count];
}

static void add_hex(struct json *j, uint64_t n, int digits)
{
    char *to = room(j);
    for (int i = digits - 1; i >= 0; i--)
        *to++ = "0123456789abcdef"[n >> 4 * i & 15];
    j->used += (size_t)digits;
}

void json_address(struct json *j, uint64_t n)
{
    json_text(j, "\"0x");
    add_hex(j, n, 12);
    json_text(j, "\"");
}

void json_micros(struct json *j, int64_t ns)
{
    uint64_t n = ns < 0 ? 0 : (uint64_t)ns;
    json_number(j, n / 1000);
    char *to = room(j);
    *to++ = '.';
    *to++ = (char)('0' + n / 100 % 10);
    *to++ = (char)('0' + n / 10 % 10);
    *to++ = (char)('0' + n % 10);
    j->used += 4;
}

/* Bytes of the UTF-8 sequence that begins here; 0: it is none. Surrogates and what is too long count as none. */
static size_t sequence(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static void add_bytes(struct json *j, const unsigned char *s, size_t n)
{
    char *to = room(j);
    memcpy(to, s, n);
    j->used += n;
}

void json_string(struct json *j, const char *text)
{
    json_text(j, "\"");
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t n = sequence(s);
        if (*s < 0x20) {
            json_text(j, "\\u");
            add_hex(j, *s, 4);
        } else if (*s == '"' || *s == '\\') {
            add_bytes(j, (const unsigned char *)"\\", 1);
            add_bytes(j, s, 1);
        } else if (n) {
            add_bytes(j, s, n);
        } else {
            add_bytes(j, (const unsigned char *)"?", 1);
        }
        s += n ? n : 1;
    }
    json_text(j, "\"");
}
