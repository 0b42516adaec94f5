/* SPDX-License-Identifier: MIT */
/* result - what a task's function has returned.
 * Job:    widen it as C does, from the register in which a function of any integer or pointer type leaves it.
 */
#ifndef SCHED_RESULT_H
#define SCHED_RESULT_H

#include "base/attr.h"
#include "base/record.h"

#include <mote/detail.h>

static ALWAYS_INLINE intptr_t widened(const struct task *t, intptr_t result)
{
    switch (t->site ? MOTE__RESULT(t->site->meta) : MOTE__RESULT_NONE) {
    case MOTE__RESULT_WORD:
        return result;
    case MOTE__RESULT_I32:
        return (int32_t)result;
    case MOTE__RESULT_U32:
        return (uint32_t)result;
    case MOTE__RESULT_I16:
        return (int16_t)result;
    case MOTE__RESULT_U16:
        return (uint16_t)result;
    case MOTE__RESULT_I8:
        return (int8_t)result;
    case MOTE__RESULT_U8:
        return (uint8_t)result;
    default:
        return 0;
    }
}

#endif
