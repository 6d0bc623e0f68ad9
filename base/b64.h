/* SPDX-License-Identifier: Apache-2.0 */
/* base64url without padding (RFC 7515 section 2), strict: one text for each byte string. */
#ifndef BASE_B64_H
#define BASE_B64_H

#include <stddef.h>
#include <stdint.h>

/* Characters needed for len bytes, final NUL not counted. */
size_t b64_encoded_len(size_t len);

/* Encodes into a new NUL-terminated string, NULL when memory is short. The caller frees it. */
char *b64_encode(const void *data, size_t len);

/*
 * Decodes exactly len characters into out. Returns the number of bytes, or -1 when a character is
 * outside the alphabet, a trailing bit is set, the length is impossible or out is too small.
 */
ptrdiff_t b64_decode(const char *text, size_t len, uint8_t *out, size_t out_size);

#endif
