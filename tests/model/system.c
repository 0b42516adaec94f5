/* SPDX-License-Identifier: MIT */
/* system - src/base/os.h as the model threads see it.
 * Job:    the futex, the heavy barrier and the pauses, under the explorer's control. Time stands still unless the model
 *         moves it. What a model needs beyond
 *         that, it defines.
 * Holds:  N3 a system call makes the caller's stores arrive.
 */
#include "base/os.h"

#include "engine.h"

static struct model_site here(const char *what, const char *function)
{
    return (struct model_site){"os.h", function, what, 0};
}

void os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline)
{
    struct model_site site = here("the futex", __func__);
    memory_drain(model_self());
    /* Comparing and going to sleep are one step: nothing comes between the load and the sleep. */
    if (model_load(&site, (void *)word, sizeof *word, MODEL_SEQ) == expected)
        explore_sleep(word, deadline);
}

void os_futex_wake(_Atomic uint32_t *word, int how_many)
{
    struct model_site site = here("wake", __func__);
    if (!explore_running())
        return;
    memory_drain(model_self());
    explore_step();
    explore_trace(&site, "up to %d", how_many);
    explore_wake(word, how_many);
}

bool os_barrier_ready(void) { return true; }

void os_barrier_heavy(void)
{
    if (!explore_running() || model_mutant(MUTANT_HEAVY))
        return;
    struct model_site site = here("all stores arrive", __func__);
    memory_drain(model_self());
    explore_step();
    explore_trace(&site, "now");
    memory_settle();
}

void os_back_off(unsigned tries)
{
    (void)tries;
    model_pause();
}

_Atomic int64_t model_now;

int64_t os_now(void) { return atom_load_rlx(&model_now); }
