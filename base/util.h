/* SPDX-License-Identifier: Apache-2.0 */
/* Cleanup of locals, and the one macro that hands ownership over. */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* Hands a pointer to its new owner: the cleanup of the local then has nothing to free. */
#define TAKE_PTR(pointer)                                                                          \
    __extension__({                                                                                \
        __auto_type taken_ = (pointer);                                                            \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

/* The same for a descriptor. */
#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_json(json_t **json)
{
    json_decref(*json);
}

#define AUTO_FREE  CLEANUP(cleanup_free)
#define AUTO_CLOSE CLEANUP(cleanup_close)
#define AUTO_JSON  CLEANUP(cleanup_json)

#endif
