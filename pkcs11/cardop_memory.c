/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent keeps of a card, in its memory, for the next time that it is inserted. */
#include "base/b64.h"
#include "pkcs11/cardop_ops.h"
#include "pkcs11/file_memory.h"

#include <string.h>

cps_error cardop_recall(struct cardop *cardop, const json_t *params, struct fail *fail)
{
    const char *text = json_get_string(params, "memory");
    AUTO_FREE uint8_t *bytes = NULL;
    ptrdiff_t len;

    if (text == NULL || cardop->transport->memory == NULL)
        return CPS_OK;
    bytes = malloc(FILE_MEMORY_SIZE_MAX);
    if (bytes == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    len = b64_decode(text, strlen(text), bytes, FILE_MEMORY_SIZE_MAX);
    if (len < 0 || !file_memory_load(cardop->transport->memory, (struct span){bytes, (size_t)len}))
        return fail_set(fail, CPS_INVALID_PARAMS, "memory");
    return CPS_OK;
}

json_t *cardop_memory_json(const struct cardop *cardop)
{
    AUTO_FREE uint8_t *bytes = malloc(FILE_MEMORY_SIZE_MAX);
    struct span packed = {.data = bytes};

    if (bytes != NULL)
        packed.len = file_memory_pack(cardop->transport->memory, bytes);
    return packed.len == 0 ? NULL : cardop_bytes_json(packed);
}

bool cardop_was_misled(const struct cardop *cardop)
{
    return cardop->transport != NULL && file_memory_was_wrong(cardop->transport->memory);
}
