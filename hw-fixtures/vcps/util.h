/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VCPS_UTIL_H
#define VCPS_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void util_free(void *p)
{
    free(*(void **)p);
}

static inline void util_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void util_fclose(FILE *const *f)
{
    if (*f)
        fclose(*f);
}

/* Hexadecimal text, spaces allowed between bytes. False when malformed or longer than `cap` bytes.
 */
bool hex_decode(const char *text, uint8_t *out, size_t cap, size_t *ret_len);

/* Exactly two bytes of hexadecimal, as file identifiers and status words are written. */
bool hex_u16(const char *text, uint16_t *ret_value);

static inline uint8_t hi8(size_t v)
{
    return (uint8_t)((v >> 8) & 0xFF);
}

static inline uint8_t lo8(size_t v)
{
    return (uint8_t)(v & 0xFF);
}

static inline uint16_t be16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

#endif
