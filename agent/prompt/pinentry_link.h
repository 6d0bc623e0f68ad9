/* SPDX-License-Identifier: Apache-2.0 */
/* The pinentry process and the Assuan connection to it, bounded in time. */
#ifndef PROMPT_PINENTRY_LINK_H
#define PROMPT_PINENTRY_LINK_H

#include <assuan.h>
#include <stdint.h>

struct pinentry_link {
    assuan_context_t assuan;
    int64_t deadline_ms;
    int channel;
    enum { LINK_OPEN, LINK_LATE, LINK_HUNG_UP } state; /* why reading was given up */
};

/*
 * Starts the program and reads its greeting. On failure there is nothing to close. The link must
 * not move while it is open.
 */
gpg_error_t link_open(struct pinentry_link *link, const char *path);

/* Says goodbye and sees to it that the process ends. */
void link_close(struct pinentry_link *link);

#endif
