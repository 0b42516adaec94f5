/* SPDX-License-Identifier: MIT */
/* score - scores as text: see sorted.h. */
#include "sorted.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool score_parse(struct bytes text, double *score)
{
    char copy[SCORE_TEXT + 1], *end;
    if (text.size == 0 || text.size > SCORE_TEXT || isspace((unsigned char)text.at[0]))
        return false;
    memcpy(copy, text.at, text.size);
    copy[text.size] = 0;
    errno = 0;
    *score = strtod(copy, &end);
    if (errno == ERANGE && (*score == 0 || isinf(*score)))
        return false;
    return end == copy + text.size && !isnan(*score);
}

size_t score_text(double score, char text[static SCORE_DIGITS])
{
    if (score > -1e17 && score < 1e17 && score == (double)(int64_t)score)
        return value_text((int64_t)score, text);
    int digits = fabs(score) < DBL_MIN ? 1 : 15; /* so many are never more than it takes, and 17 always enough */
    int size = snprintf(text, SCORE_DIGITS, "%.*g", digits, score);
    while (strtod(text, NULL) != score)
        size = snprintf(text, SCORE_DIGITS, "%.*g", ++digits, score);
    return (size_t)size;
}
