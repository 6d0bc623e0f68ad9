/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes back as the memory of a card. What must hold: no crash, and what was loaded packs to
 * something that loads again, within the maximum.
 */
#include <stdlib.h>

#include "pkcs11/file_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t packed[FILE_MEMORY_SIZE_MAX];
    struct file_memory *memory = file_memory_new();
    size_t len;

    if (memory == NULL)
        abort();
    if (file_memory_load(memory, (struct span){data, size})) {
        len = file_memory_pack(memory, packed);
        if (len > sizeof packed ||
            (len > 0 && !file_memory_load(memory, (struct span){packed, len})))
            abort();
    } else if (file_memory_is_doubtful(memory)) {
        abort();
    }
    file_memory_free(memory);
    return 0;
}
