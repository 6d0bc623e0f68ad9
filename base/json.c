/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/*
 * jansson has a compiled-in depth limit of 2048; a scan of the brackets outside strings keeps the
 * parser itself shallow. A text with unbalanced quotes is left for the parser to refuse.
 */
static bool shallow(const char *text, size_t len)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return false;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

static void free_wiped(void *block)
{
    if (block != NULL)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

void json_wipe_freed(void)
{
    json_set_alloc_funcs(malloc, free_wiped);
}

json_t *json_parse_strict(const char *text, size_t len)
{
    if (!shallow(text, len))
        return NULL;
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

const char *json_get_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

json_t *json_get_object(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_object(value) ? value : NULL;
}

json_t *json_get_array(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_array(value) ? value : NULL;
}

bool json_get_bool(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}
