/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define FIRST_SIZE 256

/* Moves to a larger block by hand: realloc would leave a copy behind. */
static bool make_room(struct buffer *buffer, size_t len)
{
    size_t size = buffer->size == 0 ? FIRST_SIZE : buffer->size;
    char *data;

    if (len > buffer->max || buffer->len > buffer->max - len)
        return false;
    while (size < buffer->len + len + 1)
        size *= 2;
    if (size == buffer->size)
        return true;
    data = calloc(1, size);
    if (data == NULL)
        return false;
    if (buffer->data != NULL) {
        memcpy(data, buffer->data, buffer->len);
        explicit_bzero(buffer->data, buffer->size);
        free(buffer->data);
    }
    buffer->data = data;
    buffer->size = size;
    return true;
}

bool buffer_add(struct buffer *buffer, const void *data, size_t len)
{
    if (buffer->failed || !make_room(buffer, len)) {
        buffer->failed = true;
        return false;
    }
    if (len > 0)
        memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
    return true;
}

bool buffer_add_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

const char *buffer_text(const struct buffer *buffer)
{
    if (buffer->failed)
        return NULL;
    return buffer->data != NULL ? buffer->data : "";
}

char *buffer_take(struct buffer *buffer)
{
    char *text = NULL;

    if (buffer_add(buffer, "", 0))
        text = TAKE_PTR(buffer->data);
    buffer_done(buffer);
    return text;
}

void buffer_done(struct buffer *buffer)
{
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->size);
    free(buffer->data);
    *buffer = (struct buffer)BUFFER_INIT(buffer->max);
}

void wipe_free(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}
