/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret: bytes in a page of their own between two guard pages, locked in memory, left out of
 * dumps and of forked children, wiped when freed. Never printed, never in JSON, never logged.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

/* One page holds every secret of the product (PIN, PUK, client secret, key in PEM form). */
#define SECRET_MAX 4096

struct secret;

/* An empty secret, or NULL with errno set when no guarded memory can be had. */
struct secret *secret_new(void);

/* Wipes and frees; NULL is fine. */
void secret_free(struct secret *secret);

/* Forgets the bytes and keeps the page. */
void secret_wipe(struct secret *secret);

const uint8_t *secret_data(const struct secret *secret);
size_t secret_len(const struct secret *secret);

/* Replaces the content. Returns 0, or -EMSGSIZE. The source stays for the caller to wipe. */
int secret_set(struct secret *secret, const void *data, size_t len);

/*
 * Replaces the content by what a pipe or file holds until its end, straight into the guarded page.
 * deadline_ms: boot-time milliseconds (base/clock.h). Returns 0, -ETIMEDOUT, -EMSGSIZE or another
 * negative errno; on failure the secret is empty.
 */
int secret_read(struct secret *secret, int fd, int64_t deadline_ms);

/* Writes the content to a pipe or socket. Returns 0 or a negative errno. */
int secret_write(const struct secret *secret, int fd);

static inline void cleanup_secret(struct secret **secret)
{
    secret_free(*secret);
}

#define AUTO_SECRET __attribute__((cleanup(cleanup_secret)))

#endif
