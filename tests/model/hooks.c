/* SPDX-License-Identifier: MIT */
/* hooks - who watches the procs, in models: nobody.
 * Job: what the sources call for src/debug, and no model lets happen.
 */
#include "sched/proc.h"

#define UNUSED __attribute__((unused))

void debug_leaving(UNUSED struct worker *w) {}
void debug_left(UNUSED struct worker *w) {}
void debug_runs(UNUSED struct worker *w, UNUSED struct task *t) {}
void debug_queued(UNUSED struct proc *p, UNUSED struct task *t) {}
void debug_steals(UNUSED struct proc *p, UNUSED uint64_t n, UNUSED const struct proc *victim) {}
void debug_sleeps(UNUSED struct proc *p, UNUSED bool begins) {}
void debug_timers(UNUSED struct proc *p, UNUSED int n) {}
void debug_queued_list(UNUSED const struct task *first, UNUSED uint64_t n) {}
void debug_found(UNUSED struct proc *p, UNUSED const struct task *first) {}
void debug_raid(UNUSED const struct proc *p, UNUSED const struct task *t) {}
void debug_procs(UNUSED uint32_t procs) {}
