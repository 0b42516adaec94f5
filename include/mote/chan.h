/* SPDX-License-Identifier: MIT */
/* mote/chan.h - typed channels.
 *
 * mote_chan(T) is the type of a channel of T: a pointer, the same in every file, so the compiler checks what is sent and
 * received. Elements are copied in and out, of any size. Everything here may be used by tasks and by plain threads; what
 * waits switches in a task and blocks a thread, and who waits is served first in, first out. A null channel blocks for ever.
 *
 *     mote_chan(int) c = mote_chan_make(int, 16);
 *     mote_send(c, 7);
 *     mote_chan_close(c);
 *     mote_chan_range(c, v) { printf("%d\n", v); }
 *     mote_chan_free(c);
 *
 * A task on a copied stack must not send pointers into its stack: a channel of pointers refuses them and stops the program.
 */
#ifndef MOTE_CHAN_H
#define MOTE_CHAN_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mote__chan;

/* An opaque pointer that remembers T: never called, never dereferenced. */
#define mote_chan(T) __typeof__(__typeof__(T)(*)(struct mote__chan *))

#ifdef __cplusplus
extern "C" {
#endif

struct mote__chan *mote__chan_make(size_t element_size, size_t capacity, bool pointers);
int mote__chan_send(struct mote__chan *c, const void *value);
int mote__chan_recv(struct mote__chan *c, void *value);
int mote__chan_try_send(struct mote__chan *c, const void *value);
int mote__chan_try_recv(struct mote__chan *c, void *value);
int mote__chan_close(struct mote__chan *c);
size_t mote__chan_len(struct mote__chan *c);
size_t mote__chan_cap(struct mote__chan *c);
void mote__chan_ref(struct mote__chan *c);
void mote__chan_free(struct mote__chan *c);

#ifdef __cplusplus
}
#define MOTE__ELEMENT(c) decltype((c)(nullptr))
#else
#define MOTE__ELEMENT(c) __typeof__((c)((struct mote__chan *)0))
#endif
#define MOTE__CHAN(c) ((struct mote__chan *)(c))

/* A new channel that holds up to `capacity` elements; with 0, each send waits for its receive. NULL with errno on failure:
 * ENOMEM, or EINVAL when capacity times the element's size is beyond reason. Has one reference. Never switches. */
#define mote_chan_make(T, capacity)                                                                                    \
    ((mote_chan(T))mote__chan_make(sizeof(T), (capacity), __builtin_classify_type(*(__typeof__(T) *)0) == 5))

/* Sends a value; waits while the channel is full or, unbuffered, until a receiver takes it. 0; -EPIPE when the channel is
 * closed, also while waiting; -ENOMEM when an element over 8 bytes can't be put by. May switch. */
#define mote_send(c, ...) MOTE__WITH_VALUE(mote__chan_send, c, __VA_ARGS__)

/* Receives into *ptr; ptr may be NULL to drop the element. 0; -EPIPE when the channel is closed and drained, with *ptr
 * zeroed. May switch. */
#define mote_recv(c, ptr) MOTE__WITH_POINTER(mote__chan_recv, c, ptr)

/* The same without waiting: -EAGAIN when they would, also for a null channel. Never switch. */
#define mote_try_send(c, ...) MOTE__WITH_VALUE(mote__chan_try_send, c, __VA_ARGS__)
#define mote_try_recv(c, ptr) MOTE__WITH_POINTER(mote__chan_try_recv, c, ptr)

/* Closes the channel: who waits to send gets -EPIPE; receivers drain what is buffered and then get -EPIPE. 0; -EPIPE when it
 * was closed already; -EINVAL for a null channel. Wakes any number of waiting tasks in constant time. Never switches. */
#define mote_chan_close(c) mote__chan_close(MOTE__CHAN(c))

/* Elements buffered now; how many fit. 0 for a null channel. Never switch. */
#define mote_chan_len(c) mote__chan_len(MOTE__CHAN(c))
#define mote_chan_cap(c) mote__chan_cap(MOTE__CHAN(c))

/* One more reference, for another owner; returns c. */
#define mote_chan_ref(c) (mote__chan_ref(MOTE__CHAN(c)), (c))

/* Drops a reference; the last one frees the channel, with what is buffered in it. NULL is ignored. Nobody may be waiting on
 * it then: that stops the program. Never switches. */
#define mote_chan_free(c) mote__chan_free(MOTE__CHAN(c))

/* Declares v and runs the block for each element, until the channel is closed and drained. May switch. */
#define mote_chan_range(c, v) for (MOTE__ELEMENT(c) v; mote_recv(c, &v) == 0;) // NOLINT(bugprone-macro-parentheses)

#define MOTE__WITH_VALUE(how, c, ...)                                                                                  \
    __extension__({                                                                                                    \
        MOTE__ELEMENT(c) mote__value = (__VA_ARGS__);                                                                  \
        how(MOTE__CHAN(c), &mote__value);                                                                              \
    })
#define MOTE__WITH_POINTER(how, c, ptr)                                                                                \
    __extension__({                                                                                                    \
        MOTE__ELEMENT(c) *mote__pointer = (ptr);                                                                       \
        how(MOTE__CHAN(c), mote__pointer);                                                                             \
    })

#endif
