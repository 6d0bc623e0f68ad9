/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded text under construction: HTTP bodies, forms, answers. The first thing that does not fit
 * (or that memory cannot hold) sticks as a failure; what was held is wiped when it moves or goes.
 */
#ifndef OIDC_BUFFER_H
#define OIDC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* NUL-terminated as soon as something was added */
    size_t len;
    size_t size;
    size_t max; /* largest len */
    bool failed;
};

#define BUFFER_INIT(limit)                                                                         \
    {                                                                                              \
        .max = (limit)                                                                             \
    }

/* Appends; returns false, now and for ever after, when it does not fit. */
bool buffer_add(struct buffer *buffer, const void *data, size_t len);
bool buffer_add_text(struct buffer *buffer, const char *text);

/* The text so far: "" for an empty buffer, NULL after a failure. Borrowed. */
const char *buffer_text(const struct buffer *buffer);

/* Hands the text over, for wipe_free; NULL after a failure. The buffer is empty again. */
char *buffer_take(struct buffer *buffer);

/* Wipes and frees; the limit stays, so that the buffer can be used again. */
void buffer_done(struct buffer *buffer);

/* Wipes and frees a string that holds something secret; NULL is fine. */
void wipe_free(char *text);

static inline void cleanup_wiped(char **text)
{
    wipe_free(*text);
}

#define AUTO_BUFFER __attribute__((cleanup(buffer_done)))
#define AUTO_WIPED  __attribute__((cleanup(cleanup_wiped)))

#endif
