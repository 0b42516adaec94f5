/* SPDX-License-Identifier: MIT */
/* variables - from an address in a frame to the variable that lies there, by elfutils' libdw.
 * Job:    see variables.h.
 * Holds:  only places that are a register and an offset are understood: that is what variables have whose address is taken.
 */
#include "debug/variables.h"

#include "debug/lines.h"

#ifdef MOTE_LINES
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>
#include <stdlib.h>

#define WEAK __attribute__((weak))
extern WEAK __typeof__(dwfl_module_addrdie) dwfl_module_addrdie;
extern WEAK __typeof__(dwfl_addrmodule) dwfl_addrmodule;
extern WEAK __typeof__(dwarf_getscopes) dwarf_getscopes;
extern WEAK __typeof__(dwarf_tag) dwarf_tag;
extern WEAK __typeof__(dwarf_attr) dwarf_attr;
extern WEAK __typeof__(dwarf_attr_integrate) dwarf_attr_integrate;
extern WEAK __typeof__(dwarf_getlocation_addr) dwarf_getlocation_addr;
extern WEAK __typeof__(dwarf_child) dwarf_child;
extern WEAK __typeof__(dwarf_siblingof) dwarf_siblingof;
extern WEAK __typeof__(dwarf_formref_die) dwarf_formref_die;
extern WEAK __typeof__(dwarf_aggregate_size) dwarf_aggregate_size;
extern WEAK __typeof__(dwarf_diename) dwarf_diename;

/* DWARF's numbers of the registers. */
#if defined(__x86_64__)
enum { STACK_POINTER = 7, FRAME_POINTER = 6 };
#elif defined(__aarch64__)
enum { STACK_POINTER = 31, FRAME_POINTER = 29 };
#endif

struct question {
    const struct msg_frame *frame;
    Dwarf_Addr address, at; /* at: within the module */
    Dwarf_Addr base;        /* what the function's variables are counted from; 0: unknown */
    char *text;
    size_t size;
    bool found;
};

static bool register_value(const struct question *q, unsigned number, Dwarf_Addr *value)
{
    if (number != STACK_POINTER && number != FRAME_POINTER)
        return false;
    *value = number == STACK_POINTER ? q->frame->low : q->frame->base;
    return true;
}

/* What a location of one operation says. */
static bool evaluate(const struct question *q, Dwarf_Die *die, unsigned name, Dwarf_Addr *value)
{
    Dwarf_Attribute attribute;
    Dwarf_Op *op;
    size_t n;
    if (!dwarf_attr(die, name, &attribute) || dwarf_getlocation_addr(&attribute, q->at, &op, &n, 1) != 1 || n != 1)
        return false;
    *value = op->atom == DW_OP_call_frame_cfa ? q->frame->high : q->base;
    if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31)
        return name == DW_AT_frame_base && register_value(q, op->atom - DW_OP_reg0, value);
    bool known = op->atom == DW_OP_fbreg || op->atom == DW_OP_call_frame_cfa;
    if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
        known = register_value(q, op->atom - DW_OP_breg0, value);
    *value += op->atom == DW_OP_call_frame_cfa ? 0 : op->number;
    return known;
}

static bool covers(const struct question *q, Dwarf_Die *die, Dwarf_Addr *begin)
{
    Dwarf_Attribute attribute;
    Dwarf_Die type;
    Dwarf_Word size;
    return evaluate(q, die, DW_AT_location, begin) && dwarf_attr_integrate(die, DW_AT_type, &attribute) &&
           dwarf_formref_die(&attribute, &type) && dwarf_aggregate_size(&type, &size) == 0 &&
           q->address - *begin < size;
}

static void look_in(struct question *q, Dwarf_Die *scope)
{
    Dwarf_Die die;
    Dwarf_Addr begin;
    int end = dwarf_child(scope, &die);
    for (; end == 0 && !q->found; end = dwarf_siblingof(&die, &die)) {
        int tag = dwarf_tag(&die);
        if ((tag != DW_TAG_variable && tag != DW_TAG_formal_parameter) || !covers(q, &die, &begin))
            continue;
        const char *name = dwarf_diename(&die);
        q->found = name != NULL;
        if (q->address == begin)
            snprintf(q->text, q->size, "variable %s", name ? name : "");
        else
            snprintf(q->text, q->size, "variable %s, byte %llu", name ? name : "",
                     (unsigned long long)(q->address - begin));
    }
}

/* The scopes around the place, innermost first, up to the function that is no part of another one. */
static void find(Dwfl *program, void *arg)
{
    struct question *q = arg;
    Dwarf_Addr at = (Dwarf_Addr)(uintptr_t)q->frame->at - 1, bias; /* inside the call */
    Dwfl_Module *module = dwfl_addrmodule(program, at);
    Dwarf_Die *unit = module ? dwfl_module_addrdie(module, at, &bias) : NULL, *scopes = NULL;
    if (!unit)
        return;
    q->at = at - bias;
    int n = dwarf_getscopes(unit, q->at, &scopes), function = 0;
    while (function < n && dwarf_tag(&scopes[function]) != DW_TAG_subprogram)
        function++;
    if (function < n && evaluate(q, &scopes[function], DW_AT_frame_base, &q->base))
        for (int i = 0; i <= function && !q->found; i++)
            look_in(q, &scopes[i]);
    free(scopes);
}

bool variables_find(const struct msg_frame *frame, const void *address, char *text, size_t size)
{
    struct question q = {.frame = frame, .address = (Dwarf_Addr)(uintptr_t)address, .text = text, .size = size};
    return dwarf_getscopes && lines_ask(find, &q) && q.found;
}
#else
bool variables_find(const struct msg_frame *frame, const void *address, char *text, size_t size)
{
    return (void)frame, (void)address, (void)text, (void)size, false;
}
#endif
