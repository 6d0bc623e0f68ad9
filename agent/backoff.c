/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backoff.h"

#include <stdint.h>
#include <time.h>

static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
    struct backoff *backoff = user;

    (void)source;
    (void)usec;
    backoff->timer = sd_event_source_disable_unref(backoff->timer);
    backoff->retry(backoff->user);
    return 0;
}

void backoff_failed(struct backoff *backoff, sd_event *event, void (*retry)(void *user), void *user)
{
    uint64_t delay_ms = BACKOFF_FIRST_MS;

    for (unsigned i = 0; i < backoff->failures && delay_ms < BACKOFF_MAX_MS; i++)
        delay_ms *= 2;
    if (delay_ms > BACKOFF_MAX_MS)
        delay_ms = BACKOFF_MAX_MS;
    backoff->failures++;
    backoff->retry = retry;
    backoff->user = user;
    backoff_done(backoff);
    (void)sd_event_add_time_relative(event, &backoff->timer, CLOCK_BOOTTIME, delay_ms * 1000,
                                     100000, on_timer, backoff);
}

void backoff_worked(struct backoff *backoff)
{
    backoff->failures = 0;
}

void backoff_done(struct backoff *backoff)
{
    backoff->timer = sd_event_source_disable_unref(backoff->timer);
}
