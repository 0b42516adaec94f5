/* SPDX-License-Identifier: MIT */
/* trace_rows - rows of single tasks in a trace's file.
 * Job:    for the first ROWS tasks: when each was running, ready, or waiting, and for what.
 * Holds:  TF3 what is opened is closed, with the name that it was opened with: viewers compare them. The outer event is the task, the
 *         inner ones are its states.
 * Why:    these lines are three times as many as all others, and nobody looks at the rows of a million tasks.
 */
#include "debug/trace.h"
#include "debug/trace_line.h"

#define ROWS 500

static unsigned rows;

void trace_rows_reset(void) { rows = 0; }

bool trace_rows_left(void) { return rows < ROWS; }

static void row_event(const char *phase, uint64_t id, int64_t time, const char *name)
{
    struct json *j = trace_line(phase, TASKS_ID, 0, time);
    json_string(j, name);
    json_text(j, ",\"cat\":\"task\",\"id\":\"");
    json_number(j, id);
    json_text(j, "\"}");
}

static void row_close(struct life *life, int64_t time)
{
    if (life->state)
        row_event("e", life->id, time, life->state);
    life->state = NULL;
}

void trace_row_state(struct life *life, int64_t time, const char *state)
{
    if (!life || !(life->bits & LIFE_ROW))
        return;
    row_close(life, time);
    if (state)
        row_event("b", life->id, time, state);
    life->state = state;
}

void trace_row_begin(struct life *life, int64_t time, const struct mote__site *site)
{
    if (!life || life->bits & LIFE_ROW || rows == ROWS)
        return;
    rows++;
    life->bits |= LIFE_ROW;
    life->row = site ? site->name : "main";
    row_event("b", life->id, time, life->row);
}

void trace_row_end(struct life *life, int64_t time)
{
    if (!life || !(life->bits & LIFE_ROW))
        return;
    row_close(life, time);
    row_event("e", life->id, time, life->row);
    life->bits &= (uint8_t)~LIFE_ROW;
}

/* A task that has yielded was ready since then: nobody told. */
void trace_row_gap(struct life *life, int64_t time)
{
    if (!life || !(life->bits & LIFE_GAP))
        return;
    life->bits &= (uint8_t)~LIFE_GAP;
    trace_row_state(life, life->gap, "ready");
    trace_row_state(life, time, NULL);
}
