/* SPDX-License-Identifier: MIT */
/* self - the thread-local pointer.
 * Job: see self.h.
 */
#include "base/self.h"

#include <stddef.h>

/* used: link-time optimisation does not see the references from assembly. */
__thread void *mote_self_worker __attribute__((tls_model("initial-exec"), visibility("hidden"), used)) = NULL;
