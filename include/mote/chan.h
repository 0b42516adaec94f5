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
#ifdef __cplusplus
#include <type_traits>
#endif

struct mote__chan;

/* One way that a select may go; made by MOTE_RECV and its like. */
typedef struct mote_case {
    int mote__kind;
    int status; /* after mote_select_n, of the case that went ahead: 0, or -EPIPE when its channel is closed; MOTE_DONE: the
                   context's error */
    struct mote__chan *mote__chan;
    union {
        void *mote__value;
        char mote__word[8]; /* a small element itself */
        int64_t mote__ns;
    };
} mote_case;

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
int mote__chan_send_until(struct mote__chan *c, const void *value, int64_t deadline);
int mote__chan_recv_until(struct mote__chan *c, void *value, int64_t deadline);
int mote__select(mote_case *cases, int n, int *status);
int mote__chan_close(struct mote__chan *c);
size_t mote__chan_len(struct mote__chan *c);
size_t mote__chan_cap(struct mote__chan *c);
struct mote__chan *mote__chan_ref(struct mote__chan *c);
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

/* The same until a deadline on mote_now's clock: -ETIMEDOUT, at once when it has passed and they would wait; -ENOMEM. The
 * value of a send stands in parentheses if there is a comma in it. A call that ends with -ETIMEDOUT uses the channel until
 * it has returned. May switch. */
#define mote_send_until(c, value, deadline)                                                                            \
    __extension__({                                                                                                    \
        MOTE__ELEMENT(c) mote__value = (value);                                                                        \
        mote__chan_send_until(MOTE__CHAN(c), &mote__value, (deadline));                                                \
    })
#define mote_recv_until(c, ptr, deadline)                                                                              \
    __extension__({                                                                                                    \
        MOTE__ELEMENT(c) *mote__pointer = (ptr);                                                                       \
        mote__chan_recv_until(MOTE__CHAN(c), mote__pointer, (deadline));                                               \
    })

/* Goes ahead with one of several cases, and waits until one can; if several can, chance decides, each being as likely. Returns its
 * number: 0 for the first. The others leave nothing behind.
 *
 *     switch (mote_select(MOTE_RECV(c, &v), MOTE_SEND(d, 7), MOTE_AFTER(5 * MOTE_MS))) {
 *     case 0: ... v was received from c, or c is closed and drained and v is zero
 *     case 1: ... 7 was sent to d, or d is closed
 *     case 2: ... neither could be done for 5 ms
 *     }
 *
 * A case with a null channel is never ready, nor is one that is all zero; one with a closed channel is. A channel may stand in
 * several cases. Channels must stay alive until the call has returned: hold a reference for each task that selects. Errors: -ENOMEM,
 * with nothing done; -EINVAL for another case that no macro has made. May switch; with MOTE_DEFAULT it never does. */
#define mote_select(...) MOTE__SELECT(NULL, __VA_ARGS__)

/* The same; *status (an int) becomes how the send or receive ended: 0, or -EPIPE when its channel is closed; the context's
 * error for MOTE_DONE; or the select's own error. */
#define mote_select_status(status, ...) MOTE__SELECT(status, __VA_ARGS__)

/* A case that receives, as mote_recv does; ptr may be NULL. */
#define MOTE_RECV(c, ptr) MOTE__CASE(MOTE__CASE_RECV, MOTE__CHAN(c), (void *)MOTE__AS_POINTER(MOTE__ELEMENT(c), ptr))

/* A case that sends a value, as mote_send does. One of up to 8 bytes is kept in the case itself; a larger one lives as long as the
 * block where this stands, so in a loop that fills an array for mote_select_n each would be the last one's: use MOTE_SEND_FROM
 * there. In C++ a larger one, or one that can't be copied as bytes, can't stand in an array at all. */
#define MOTE_SEND(c, ...) MOTE__SEND_CASE(c, __VA_ARGS__)

/* The same, of a value that lies where ptr points until the call has returned. */
#define MOTE_SEND_FROM(c, ptr)                                                                                         \
    MOTE__CASE(MOTE__CASE_SEND, MOTE__CHAN(c), (void *)(uintptr_t)MOTE__AS_POINTER(const MOTE__ELEMENT(c), ptr))

/* The case for when no other could go ahead for so many nanoseconds; MOTE_FOREVER: never. */
#define MOTE_AFTER(ns) MOTE__TIMED_CASE(ns)

/* mote/context.h has one more: MOTE_DONE(ctx), for when a context is cancelled. */

/* The case for when no other can go ahead at once. */
#define MOTE_DEFAULT MOTE__CASE(MOTE__CASE_DEFAULT, NULL, NULL)

/* So many cases may one select have. */
#define MOTE_CASES_MAX 65535

#ifdef __cplusplus
extern "C" {
#endif
/* mote_select for cases[0] to cases[n - 1], until a deadline on mote_now's clock: -ETIMEDOUT, unless a case is ready. The status of
 * the case that went ahead is in the array. With no case it waits for the deadline. -EINVAL also when n is out of range. */
int mote_select_n(mote_case *cases, int n, int64_t deadline);
#ifdef __cplusplus
}
#endif

/* Closes the channel: who waits to send gets -EPIPE; receivers drain what is buffered and then get -EPIPE. 0; -EPIPE when it
 * was closed already; -EINVAL for a null channel. Wakes any number of waiting tasks in constant time, unless a select or a wait
 * with a deadline is among them. Never switches. */
#define mote_chan_close(c) mote__chan_close(MOTE__CHAN(c))

/* Elements buffered now; how many fit. 0 for a null channel. Never switch. */
#define mote_chan_len(c) mote__chan_len(MOTE__CHAN(c))
#define mote_chan_cap(c) mote__chan_cap(MOTE__CHAN(c))

/* One more reference, for another owner; returns c. */
#define mote_chan_ref(c) MOTE__SAME(c, mote__chan_ref(MOTE__CHAN(c)))

/* Drops a reference; the last one frees the channel, with what is buffered in it. NULL is ignored. Nobody may be waiting on
 * it then: that stops the program. Never switches. */
#define mote_chan_free(c) mote__chan_free(MOTE__CHAN(c))

/* Declares v and runs the block for each element, until the channel is closed and drained. May switch. */
#define mote_chan_range(c, v) for (MOTE__ELEMENT(c) v; mote_recv(c, &v) == 0;) // NOLINT(bugprone-macro-parentheses)

enum {
    MOTE__CASE_NONE, /* a zeroed one: never ready */
    MOTE__CASE_RECV,
    MOTE__CASE_SEND,
    MOTE__CASE_SEND_WORD,
    MOTE__CASE_DEFAULT,
    MOTE__CASE_AFTER,
    MOTE__CASE_DONE,
};

#ifndef __cplusplus

#define MOTE__SAME(c, made) ((__typeof__(c))(made))
/* Checked in a call that is never made, and then used where it stands: what it points to, a compound literal perhaps, lives on. */
#define MOTE__AS_POINTER(T, ptr)                                                                                       \
    (sizeof(__extension__({                                                                                            \
        __typeof__(T) *mote__pointer = (ptr);                                                                          \
        mote__pointer;                                                                                                 \
    }))                                                                                                                \
         ? (void *)(uintptr_t)(ptr)                                                                                    \
         : NULL)

#define MOTE__CASE(kind, c, value) ((mote_case){(kind), 0, (c), {(value)}})
#define MOTE__TIMED_CASE(ns) ((mote_case){MOTE__CASE_AFTER, 0, NULL, {.mote__ns = (ns)}})
#define MOTE__SEND_CASE(c, ...)                                                                                        \
    __builtin_choose_expr(sizeof(MOTE__ELEMENT(c)) <= 8, MOTE__SEND_WORD_CASE(c, __VA_ARGS__),                         \
                          MOTE__SEND_BLOCK_CASE(c, __VA_ARGS__))
/* The value has the element's type before it is put anywhere. */
#define MOTE__SEND_WORD_CASE(c, ...)                                                                                   \
    __extension__({                                                                                                    \
        MOTE__ELEMENT(c) mote__value = (__VA_ARGS__);                                                                  \
        mote_case mote__made = MOTE__CASE(MOTE__CASE_SEND_WORD, MOTE__CHAN(c), NULL);                                  \
        __builtin_memcpy(mote__made.mote__word, &mote__value, sizeof mote__value <= 8 ? sizeof mote__value : 0);       \
        mote__made;                                                                                                    \
    })
/* The array lives as long as the block where it stands. */
#define MOTE__SEND_BLOCK_CASE(c, ...)                                                                                  \
    MOTE__CASE(MOTE__CASE_SEND, MOTE__CHAN(c), (MOTE__ELEMENT(c)[1]){__extension__({                                   \
                   MOTE__ELEMENT(c) mote__value = (__VA_ARGS__);                                                       \
                   mote__value;                                                                                        \
               })})
#define MOTE__SELECT(status, ...)                                                                                      \
    __extension__({                                                                                                    \
        mote_case mote__cases[] = {__VA_ARGS__};                                                                       \
        mote__select(mote__cases, (int)(sizeof mote__cases / sizeof mote__cases[0]), (status));                        \
    })

#else

#define MOTE__SAME(c, made) ((std::decay<decltype(c)>::type)(made))
#define MOTE__AS_POINTER(T, ptr)                                                                                       \
    __extension__({                                                                                                    \
        __typeof__(T) *mote__pointer = (ptr);                                                                          \
        mote__pointer;                                                                                                 \
    })

namespace mote_detail
{
inline mote_case make_case(int kind, struct mote__chan *c, void *value)
{
    mote_case k;
    k.mote__kind = kind;
    k.status = 0;
    k.mote__chan = c;
    k.mote__value = value;
    return k;
}
inline mote_case timed_case(int64_t ns)
{
    mote_case k = make_case(MOTE__CASE_AFTER, NULL, NULL);
    k.mote__ns = ns;
    return k;
}
/* Lives until the end of the full expression, which is the select's. */
template <class T> struct sending {
    struct mote__chan *c;
    T value;
};
template <class T> struct fits {
    static constexpr bool value = sizeof(T) <= 8 && std::is_trivially_copyable<T>::value;
};
template <class T>
inline typename std::enable_if<!fits<T>::value, sending<T>>::type send_case(struct mote__chan *c, T value)
{
    return sending<T>{c, value};
}
template <class T>
inline typename std::enable_if<fits<T>::value, mote_case>::type send_case(struct mote__chan *c, T value)
{
    mote_case k = make_case(MOTE__CASE_SEND_WORD, c, NULL);
    __builtin_memcpy(k.mote__word, &value, sizeof value);
    return k;
}
inline mote_case as_case(const mote_case &k) { return k; }
template <class T> inline mote_case as_case(const sending<T> &s)
{
    return make_case(MOTE__CASE_SEND, s.c, (void *)(uintptr_t)&s.value);
}
template <class... C> inline int select(int *status, const C &...c)
{
    mote_case cases[] = {as_case(c)...};
    return mote__select(cases, (int)sizeof...(C), status);
}
} // namespace mote_detail

#define MOTE__CASE(kind, c, value) mote_detail::make_case((kind), (c), (value))
#define MOTE__TIMED_CASE(ns) mote_detail::timed_case(ns)
#define MOTE__SEND_CASE(c, ...) mote_detail::send_case<MOTE__ELEMENT(c)>(MOTE__CHAN(c), __VA_ARGS__)
#define MOTE__SELECT(status, ...) mote_detail::select((status), __VA_ARGS__)

#endif

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
