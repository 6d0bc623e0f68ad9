/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt/memory.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* In front of each block; its size keeps what follows aligned for any type. */
struct header {
    size_t mapped;
    size_t size;
};
_Static_assert(sizeof(struct header) % _Alignof(max_align_t) == 0, "blocks would not be aligned");

/* A mapping each: libassuan makes about ten blocks, the largest holds the lines. */
void *memory_alloc(size_t size)
{
    struct header *header;
    size_t mapped;

    if (__builtin_add_overflow(size, sizeof *header, &mapped))
        return NULL;
    header = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (header == MAP_FAILED)
        return NULL;
    /* Without a lock or the advice the block is still wiped, which beats no prompt. */
    (void)mlock(header, mapped);
    (void)madvise(header, mapped, MADV_DONTDUMP);
    header->mapped = mapped;
    header->size = size;
    return header + 1;
}

void memory_release(void *data)
{
    struct header *header = data;

    if (data == NULL)
        return;
    header--;
    explicit_bzero(data, header->size);
    munmap(header, header->mapped);
}

void *memory_resize(void *data, size_t size)
{
    const struct header *header = data;
    void *larger = memory_alloc(size);

    if (larger != NULL && data != NULL) {
        header--;
        memcpy(larger, data, header->size < size ? header->size : size);
        memory_release(data);
    }
    return larger;
}
