/* SPDX-License-Identifier: MIT */
/* attr - compiler attributes, under names that say what they are for.
 * Job: one spelling for gcc and clang.
 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define COLD __attribute__((cold, noinline))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#define CACHE_LINE 64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))
/* Calls of it, and those that don't return to it, are no business of ThreadSanitizer's. */
#define UNCOUNTED __attribute__((no_sanitize("thread")))
/* For walkers that read what others may be changing, and can bear a wrong number. */
#define RACY_READER __attribute__((no_sanitize("thread")))
#define PUBLIC __attribute__((visibility("default")))
#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#endif
