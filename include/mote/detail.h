/* SPDX-License-Identifier: MIT */
/* mote/detail.h - how the macros of task.h and chan.h check types. Nothing here is for users. */
#ifndef MOTE_DETAIL_H
#define MOTE_DETAIL_H

#include <stdint.h>
#ifdef __cplusplus
#include <type_traits>
#endif

/* How to widen a task's result, in the low bits of mote__site.meta; the other bits follow. */
#define MOTE__RESULT_NONE 0u
#define MOTE__RESULT_WORD 1u
#define MOTE__RESULT_I32 2u
#define MOTE__RESULT_U32 3u
#define MOTE__RESULT_I16 4u
#define MOTE__RESULT_U16 5u
#define MOTE__RESULT_I8 6u
#define MOTE__RESULT_U8 7u
#define MOTE__RESULT(meta) ((meta)&7u)
#define MOTE__ARGS(meta) (((meta) >> 3) & 7u)      /* how many arguments */
#define MOTE__POINTERS(meta) (((meta) >> 6) & 63u) /* which of them are pointers */
#define MOTE__PINNED (1u << 12)
#define MOTE__OWNED (1u << 13) /* a group's */
#define MOTE__MAX_ARGS 6

/* One for each place in a program that starts tasks. */
struct mote__site {
    const char *name;
    const char *file;
    int line;
    uint32_t meta;
};

struct mote_task;
struct mote_attr;
struct mote_group;

/* What mote_group_go_until waits for. */
struct mote__group_place {
    struct mote_group *group;
    int64_t deadline;
};

#ifdef __cplusplus
extern "C" {
#endif
int mote__go(const struct mote__site *site, void (*fn)(void), const intptr_t *args);
struct mote_task *mote__spawn(const struct mote__site *site, void (*fn)(void), const intptr_t *args);
struct mote_task *mote__spawn_with(const struct mote_attr *attr, const struct mote__site *site, void (*fn)(void),
                                   const intptr_t *args);
int mote__group_go(struct mote_group *group, const struct mote__site *site, void (*fn)(void), const intptr_t *args);
int mote__group_try_go(struct mote_group *group, const struct mote__site *site, void (*fn)(void), const intptr_t *args);
int mote__group_go_until(struct mote__group_place place, const struct mote__site *site, void (*fn)(void),
                         const intptr_t *args);
void mote__blocking_end(char *section);
#ifdef __cplusplus
}
#endif

/* How many arguments follow fn: 7 for 7 to 14. MOTE__EACH(m, fn, a, b): m(a), m(b); also with no argument after fn. More than six
 * are accepted here, so that the one thing that is said of them is that they are too many. */
#define MOTE__COUNT(...) MOTE__COUNT_(__VA_ARGS__, 7, 7, 7, 7, 7, 7, 7, 7, 6, 5, 4, 3, 2, 1, 0, )
#define MOTE__COUNT_(f, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, n, ...) n
#define MOTE__CAT(a, b) MOTE__CAT_(a, b)
#define MOTE__CAT_(a, b) a##b
#define MOTE__FIRST(f, ...) f
#define MOTE__EACH(m, ...) MOTE__CAT(MOTE__EACH, MOTE__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define MOTE__EACH0(m, f)
#define MOTE__EACH1(m, f, a) m(a)
#define MOTE__EACH2(m, f, a, b) m(a), m(b)
#define MOTE__EACH3(m, f, a, b, c) m(a), m(b), m(c)
#define MOTE__EACH4(m, f, a, b, c, d) m(a), m(b), m(c), m(d)
#define MOTE__EACH5(m, f, a, b, c, d, e) m(a), m(b), m(c), m(d), m(e)
#define MOTE__EACH6(m, f, a, b, c, d, e, g) m(a), m(b), m(c), m(d), m(e), m(g)
#define MOTE__EACH7(m, ...)
#define MOTE__BITS(m, ...) MOTE__CAT(MOTE__BITS, MOTE__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define MOTE__BITS0(m, f) 0u
#define MOTE__BITS1(m, f, a) m(a)
#define MOTE__BITS2(m, f, a, b) (m(a) | m(b) << 1)
#define MOTE__BITS3(m, f, a, b, c) (m(a) | m(b) << 1 | m(c) << 2)
#define MOTE__BITS4(m, f, a, b, c, d) (m(a) | m(b) << 1 | m(c) << 2 | m(d) << 3)
#define MOTE__BITS5(m, f, a, b, c, d, e) (m(a) | m(b) << 1 | m(c) << 2 | m(d) << 3 | m(e) << 4)
#define MOTE__BITS6(m, f, a, b, c, d, e, g) (m(a) | m(b) << 1 | m(c) << 2 | m(d) << 3 | m(e) << 4 | m(g) << 5)
#define MOTE__BITS7(m, ...) 0u

#define MOTE__NAME(...) MOTE__NAME_(__VA_ARGS__, )
#define MOTE__NAME_(f, ...) #f

#ifndef __cplusplus

#define MOTE__IS_POINTER(a) (__builtin_classify_type(a) == 5 ? 1u : 0u)
/* Floating, complex, struct and union values have no place among the arguments, nor has what is wider than a word. */
#define MOTE__IS_WORD(a)                                                                                               \
    (__builtin_classify_type(a) != 8 && __builtin_classify_type(a) != 9 && __builtin_classify_type(a) != 12 &&         \
     __builtin_classify_type(a) != 13 && (MOTE__IS_POINTER(a) || sizeof(a) <= sizeof(intptr_t)))
#define MOTE__ARG(a)                                                                                                   \
    ((intptr_t)(a) + 0 * (intptr_t)sizeof(struct {                                                                     \
                         _Static_assert(MOTE__IS_WORD(a), "a task's arguments are integers or pointers");              \
                         int mote__unused;                                                                             \
                     }))

/* Calls that are compiled and never made. The first checks the arguments against fn's prototype; what it gives is used by its type
 * alone, so that each complaint comes once. The second passes the largest integer for each of them: only what is floating can't
 * hold it, and there the compilers say so; a parameter that is an integer, an enum or a pointer takes it. */
#define MOTE__CALL(f, ...) (f)(__VA_ARGS__)
#define MOTE__CALL_WITH_LARGEST(...) (MOTE__FIRST(__VA_ARGS__, ))(MOTE__EACH(MOTE__LARGEST, __VA_ARGS__))
#define MOTE__LARGEST(a) INTPTR_MAX
#ifdef __clang__
#define MOTE__NO_FLOATING_BEGIN                                                                                        \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wint-conversion\"")                          \
        _Pragma("clang diagnostic ignored \"-Wconstant-conversion\"") _Pragma(                                         \
            "clang diagnostic error \"-Wimplicit-const-int-float-conversion\"") /* not said where 0 is constant */     \
        int mote__never = 0;                                                                                           \
    if (mote__never)
#define MOTE__NO_FLOATING_END _Pragma("clang diagnostic pop")
#else
#define MOTE__NO_FLOATING_BEGIN                                                                                        \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wint-conversion\"")                              \
        _Pragma("GCC diagnostic ignored \"-Woverflow\"") _Pragma("GCC diagnostic ignored \"-Wrestrict\"")              \
            _Pragma("GCC diagnostic error \"-Wfloat-conversion\"") if (0)
#define MOTE__NO_FLOATING_END _Pragma("GCC diagnostic pop")
#endif

#define MOTE__RESULT_OF(T)                                                                                             \
    (__builtin_types_compatible_p(T, void) ? MOTE__RESULT_NONE                                                         \
     : sizeof(T) > 4                       ? MOTE__RESULT_WORD                                                         \
     : sizeof(T) == 4                      ? MOTE__RESULT_I32 + MOTE__UNSIGNED(T)                                      \
     : sizeof(T) == 2                      ? MOTE__RESULT_I16 + MOTE__UNSIGNED(T)                                      \
                                           : MOTE__RESULT_I8 + MOTE__UNSIGNED(T))
#define MOTE__VALUE(T) __builtin_choose_expr(__builtin_types_compatible_p(T, void), 0, ((T(*)(void))0)())
/* The type of a narrow result; int for every other, so that the comparison always compiles. */
#define MOTE__NARROW_TYPE(T)                                                                                           \
    __typeof__(__builtin_choose_expr(__builtin_types_compatible_p(T, void) || sizeof(T) > 4, 0, ((T(*)(void))0)()))
#define MOTE__UNSIGNED(T) ((MOTE__NARROW_TYPE(T)) - 1 > (MOTE__NARROW_TYPE(T))0 ? 1u : 0u)

#define MOTE__SITE(flags, ...)                                                                                         \
    typedef __typeof__(MOTE__CALL(__VA_ARGS__)) mote__result;                                                          \
    MOTE__NO_FLOATING_BEGIN(void) MOTE__CALL_WITH_LARGEST(__VA_ARGS__);                                                \
    MOTE__NO_FLOATING_END                                                                                              \
    _Static_assert(MOTE__COUNT(__VA_ARGS__) <= MOTE__MAX_ARGS, "a task has at most six arguments");                    \
    _Static_assert(MOTE__IS_WORD(MOTE__VALUE(mote__result)), "a task's result is void, an integer or a pointer");      \
    static const struct mote__site mote__here = {MOTE__NAME(__VA_ARGS__), __FILE__, __LINE__,                          \
                                                 MOTE__RESULT_OF(mote__result) | MOTE__COUNT(__VA_ARGS__) << 3 |       \
                                                     MOTE__BITS(MOTE__IS_POINTER, __VA_ARGS__) << 6 | (flags)}

#define MOTE__FN(...) MOTE__FN_(__VA_ARGS__, )
#define MOTE__FN_(f, ...) ((void (*)(void))(f))

/* Only the site is in a block of its own: what is made among the arguments, a compound literal perhaps, lives as long as in a call. */
#define MOTE__HERE(flags, ...)                                                                                         \
    __extension__({                                                                                                    \
        MOTE__SITE(flags, __VA_ARGS__);                                                                                \
        &mote__here;                                                                                                   \
    })
#define MOTE__ARGUMENTS(...)                                                                                           \
    (__extension__(const intptr_t[MOTE__COUNT(__VA_ARGS__) + !MOTE__COUNT(__VA_ARGS__)]){                              \
        MOTE__EACH(MOTE__ARG, __VA_ARGS__)})
#define MOTE__SPAWN(how, flags, ...)                                                                                   \
    how(MOTE__HERE(flags, __VA_ARGS__), MOTE__FN(__VA_ARGS__), MOTE__ARGUMENTS(__VA_ARGS__))
/* The same with something of that type that `how` wants first. */
#define MOTE__SPAWN_BY(how, type, first, flags, ...)                                                                   \
    how((first), MOTE__HERE(flags, __VA_ARGS__), MOTE__FN(__VA_ARGS__), MOTE__ARGUMENTS(__VA_ARGS__))
#define MOTE__GROUP_PLACE(group, deadline) ((struct mote__group_place){(group), (deadline)})
/* No block here either: 0, or it doesn't compile. */
#define MOTE__CHECK_STATUS(...)                                                                                        \
    (0 * sizeof(struct {                                                                                               \
         _Static_assert(!MOTE__IS_POINTER(MOTE__VALUE(__typeof__(MOTE__CALL(__VA_ARGS__)))),                           \
                        "the result of a group's task is void or an integer");                                         \
         int mote__unused;                                                                                             \
     }))

#else /* C++ has the types at hand */

namespace mote_detail
{
template <class T> constexpr bool is_word()
{
    return std::is_integral<T>::value || std::is_enum<T>::value || std::is_pointer<T>::value;
}

template <class P, class A> inline intptr_t word(A a)
{
    static_assert(is_word<P>(), "a task's parameters are integers or pointers");
    static_assert(!std::is_floating_point<A>::value, "a task's arguments are integers or pointers");
    return (intptr_t)(P)a; // the compiler has seen the call itself: see MOTE__SITE
}

template <class R> constexpr uint32_t result()
{
    return sizeof(R) > 4    ? MOTE__RESULT_WORD
           : sizeof(R) == 4 ? MOTE__RESULT_I32 + !std::is_signed<R>::value
           : sizeof(R) == 2 ? MOTE__RESULT_I16 + !std::is_signed<R>::value
                            : MOTE__RESULT_I8 + !std::is_signed<R>::value;
}
template <> constexpr uint32_t result<void>() { return MOTE__RESULT_NONE; }

template <class... P> struct pointers { // C++11 has no loops in constant expressions
    static constexpr uint32_t bits = 0;
};
template <class P, class... More> struct pointers<P, More...> {
    static constexpr uint32_t bits = (std::is_pointer<P>::value ? 1u : 0u) | pointers<More...>::bits << 1;
};

inline mote__group_place group_place(struct mote_group *group, int64_t deadline)
{
    mote__group_place place = {group, deadline};
    return place;
}

template <class R> struct status {
    static_assert(!std::is_pointer<R>::value, "the result of a group's task is void or an integer");
};

template <class F> struct prototype;
template <class R, class... P> struct prototype<R (*)(P...)> {
    static_assert(std::is_void<R>::value || is_word<R>(), "a task's result is void, an integer or a pointer");
    static constexpr uint32_t meta = result<R>() | (uint32_t)sizeof...(P) << 3 | pointers<P...>::bits << 6;
    template <class How, class... A>
    static auto start(How how, const mote__site *site, R (*fn)(P...), A... a)
        -> decltype(how(site, (void (*)(void))fn, (const intptr_t *)0))
    {
        static_assert(sizeof...(P) == sizeof...(A), "wrong number of arguments");
        static_assert(sizeof...(P) <= MOTE__MAX_ARGS, "at most six arguments");
        const intptr_t args[MOTE__MAX_ARGS + 1] = {word<P, A>(a)...};
        return how(site, (void (*)(void))fn, args);
    }
};
#if __cplusplus >= 201703L
template <class R, class... P> struct prototype<R (*)(P...) noexcept> : prototype<R (*)(P...)> {
};
#endif
} // namespace mote_detail

#define MOTE__FN(...) MOTE__FN_(__VA_ARGS__, )
#define MOTE__FN_(f, ...) f
#define MOTE__PROTOTYPE(...) mote_detail::prototype<std::decay<decltype(MOTE__FN(__VA_ARGS__))>::type>
#define MOTE__CALL(f, ...) (f)(__VA_ARGS__)
#define MOTE__SITE(flags, ...)                                                                                         \
    (void)sizeof((void)MOTE__CALL(__VA_ARGS__), 0);                                                                    \
    static const struct mote__site mote__here = {MOTE__NAME(__VA_ARGS__), __FILE__, __LINE__,                          \
                                                 MOTE__PROTOTYPE(__VA_ARGS__)::meta | (flags)}
#define MOTE__SPAWN(how, flags, ...)                                                                                   \
    __extension__({                                                                                                    \
        MOTE__SITE(flags, __VA_ARGS__);                                                                                \
        MOTE__PROTOTYPE(__VA_ARGS__)::start(how, &mote__here, __VA_ARGS__);                                            \
    })
#define MOTE__SPAWN_BY(how, type, first, flags, ...)                                                                   \
    __extension__({                                                                                                    \
        MOTE__SITE(flags, __VA_ARGS__);                                                                                \
        type mote__first = (first);                                                                                    \
        MOTE__PROTOTYPE(__VA_ARGS__)                                                                                   \
        ::start([mote__first](const struct mote__site *site, void (*fn)(void),                                         \
                              const intptr_t *args) { return how(mote__first, site, fn, args); },                      \
                &mote__here, __VA_ARGS__);                                                                             \
    })
#define MOTE__GROUP_PLACE(group, deadline) mote_detail::group_place((group), (deadline))
#define MOTE__CHECK_STATUS(...) (0 * sizeof(mote_detail::status<decltype(MOTE__CALL(__VA_ARGS__))>))

#endif

/* The section ends with the scope, after the value was taken. */
#define MOTE__BLOCKING(...)                                                                                            \
    __extension__({                                                                                                    \
        __attribute__((cleanup(mote__blocking_end), unused)) char mote__section = 0;                                   \
        mote_blocking_begin();                                                                                         \
        MOTE__CALL(__VA_ARGS__);                                                                                       \
    })

#define MOTE__SPAWN_WITH(attr, ...) MOTE__SPAWN_BY(mote__spawn_with, const struct mote_attr *, attr, 0, __VA_ARGS__)
#define MOTE__GROUP_GO(how, T, place, flags, ...)                                                                      \
    MOTE__SPAWN_BY(how, T, place, (uint32_t)(MOTE__OWNED | (flags) | MOTE__CHECK_STATUS(__VA_ARGS__)), __VA_ARGS__)

#endif
