/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator given to libassuan, whose line buffers see the PIN: memory locked, left out of
 * dumps and wiped when freed.
 *
 * What it cannot reach: the pipes in the kernel, and the pinentry program itself, which looks after
 * its own memory.
 */
#ifndef PROMPT_MEMORY_H
#define PROMPT_MEMORY_H

#include <stddef.h>

void *memory_alloc(size_t size);
void *memory_resize(void *data, size_t size);
void memory_release(void *data);

#endif
