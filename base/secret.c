/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

struct secret {
    uint8_t *map; /* guard page, SECRET_MAX bytes, guard page */
    uint8_t *data;
    size_t len;
};

static size_t page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > SECRET_MAX ? (size_t)size : SECRET_MAX;
}

/*
 * Locking fails when RLIMIT_MEMLOCK is used up and the two advices on old kernels: the secret is
 * then less protected from swap and dumps but still guarded and wiped, which beats no login.
 */
static void protect(uint8_t *data, size_t size)
{
    (void)mlock(data, size);
    (void)madvise(data, size, MADV_DONTDUMP);
    (void)madvise(data, size, MADV_WIPEONFORK);
}

struct secret *secret_new(void)
{
    struct secret *secret = calloc(1, sizeof *secret);
    size_t page = page_size();
    void *map;

    if (secret == NULL)
        return NULL;
    map = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        free(secret);
        return NULL;
    }
    secret->map = map;
    secret->data = secret->map + page;
    if (mprotect(secret->data, page, PROT_READ | PROT_WRITE) < 0) {
        munmap(map, 3 * page);
        free(secret);
        return NULL;
    }
    protect(secret->data, page);
    return secret;
}

void secret_free(struct secret *secret)
{
    if (secret == NULL)
        return;
    explicit_bzero(secret->data, page_size());
    munmap(secret->map, 3 * page_size());
    free(secret);
}

void secret_wipe(struct secret *secret)
{
    explicit_bzero(secret->data, SECRET_MAX);
    secret->len = 0;
}

const uint8_t *secret_data(const struct secret *secret)
{
    return secret->data;
}

size_t secret_len(const struct secret *secret)
{
    return secret->len;
}

int secret_set(struct secret *secret, const void *data, size_t len)
{
    if (len > SECRET_MAX)
        return -EMSGSIZE;
    secret_wipe(secret);
    memcpy(secret->data, data, len);
    secret->len = len;
    return 0;
}

/* One read of at most room bytes once the descriptor has some: 0 at the end of the stream. */
static ssize_t read_some(int fd, uint8_t *data, size_t room, int64_t deadline_ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    ssize_t n;

    for (;;) {
        int r = poll(&pfd, 1, clock_left_ms(deadline_ms));

        if (r == 0)
            return -ETIMEDOUT;
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r < 0)
            continue;
        n = read(fd, data, room);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

int secret_read(struct secret *secret, int fd, int64_t deadline_ms)
{
    uint8_t extra = 0;

    secret_wipe(secret);
    for (;;) {
        size_t room = SECRET_MAX - secret->len;
        ssize_t n = room > 0 ? read_some(fd, secret->data + secret->len, room, deadline_ms)
                             : read_some(fd, &extra, 1, deadline_ms);

        if (n > 0 && room == 0)
            n = -EMSGSIZE;
        if (n < 0) {
            secret_wipe(secret);
            return (int)n;
        }
        if (n == 0)
            return 0;
        secret->len += (size_t)n;
    }
}

int secret_write(const struct secret *secret, int fd)
{
    size_t done = 0;

    while (done < secret->len) {
        ssize_t n = write(fd, secret->data + done, secret->len - done);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}
