/* SPDX-License-Identifier: MIT */
/* answer - what is said to a request. */
#ifndef ANSWER_H
#define ANSWER_H

#include "output.h"
#include "request.h"

/* To a whole request, whose head is at data. False: the connection is of no more use. May switch. */
bool answer_request(struct output *o, const struct request *r, const char *data, bool keeps);

/* A status with its name as the body. */
void answer_status(struct output *o, const struct request *r, int status, bool keeps);

#endif
