/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of CPS_* objects: the first byte chooses which. What must hold: no crash, an answer
 * that is JSON text, bounded, and without a character that has no use on a screen.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/util.h"
#include "pkcs11/cps_objects.h"

/* Both parts of an answer: texts, and bytes in base64url. */
#define ANSWER_MAX (8 * CPS_TEXT_MAX + 2 * CPS_RAW_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach (object, key, value)
        if (json_is_string(value) && strcmp(key, "raw") != 0 &&
            !text_is_plain(json_string_value(value), CPS_TEXT_MAX))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {"CPS_ID_CARD", "CPS_NAME_PS", "CPS_LANG_PS",
                                         "CPS_INFO_PS"};
    AUTO_JSON json_t *answer = NULL;
    AUTO_FREE char *text = NULL;
    struct span value;

    if (size == 0)
        return 0;
    value = (struct span){data + 1, size - 1};
    if (data[0] < 0x80) {
        answer = cps_activity_parse(data[0], value);
    } else {
        answer = json_object();
        cps_info_add(answer, labels[data[0] % 4], value);
    }
    text = json_dumps(answer, JSON_COMPACT);
    if (text == NULL || strlen(text) > ANSWER_MAX)
        abort();
    check_texts(answer);
    return 0;
}
