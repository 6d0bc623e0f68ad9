/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the rest: the agent needs this alone, and no library for it. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/confine.h"
#include "base/log.h"

void confine_memory(void)
{
    struct rlimit no_core = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        log_warning("process stays dumpable: %s", strerror(errno));
}
