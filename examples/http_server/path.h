/* SPDX-License-Identifier: MIT */
/* path - from the path of a request to the name of a file below the root. */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes %XX, drops empty parts, and writes the name, ended by 0, without a slash at its front; a path that ends with one gets
 * "index.html". The length; -400: an escape or a character that no path has; -404: nothing that is to be found: a part that begins
 * with a dot, so also "..", an encoded slash; -414: there is no room for it. What is a link out of the root only the system can
 * say: files.c. */
int path_decode(const char *path, size_t length, char *name, size_t room);

/* The media type for the end of that name. */
const char *path_type(const char *name);

#endif
