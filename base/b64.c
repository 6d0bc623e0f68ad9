/* SPDX-License-Identifier: Apache-2.0 */
#include "base/b64.h"

#include <jose/b64.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

size_t b64_encoded_len(size_t len)
{
    return jose_b64_enc_buf(NULL, len, NULL, 0);
}

char *b64_encode(const void *data, size_t len)
{
    size_t size = b64_encoded_len(len);
    char *text = calloc(1, size + 1);

    if (text == NULL || len == 0)
        return text;
    if (jose_b64_enc_buf(data, len, text, size) != size) {
        free(text);
        return NULL;
    }
    return text;
}

/* The decoder of libjose ignores set trailing bits: only a text that encodes back is canonical. */
static int canonical(const char *text, size_t len, const uint8_t *data, size_t data_len)
{
    AUTO_FREE char *again = b64_encode(data, data_len);

    return again != NULL && strlen(again) == len && memcmp(again, text, len) == 0;
}

ptrdiff_t b64_decode(const char *text, size_t len, uint8_t *out, size_t out_size)
{
    size_t need;

    if (len == 0)
        return 0;
    need = jose_b64_dec_buf(NULL, len, NULL, 0);
    if (need == SIZE_MAX || need > out_size)
        return -1;
    if (jose_b64_dec_buf(text, len, out, need) != need || !canonical(text, len, out, need))
        return -1;
    return (ptrdiff_t)need;
}
