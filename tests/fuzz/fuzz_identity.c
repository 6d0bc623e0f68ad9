/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate that a card hands over. What must hold: no crash, a holder that is JSON text, and
 * in it no character that has no use on a screen; no person without name and identifier.
 */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "base/json.h"
#include "base/text.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach (object, key, value) {
        if (json_is_object(value))
            check_texts(value);
        else if (!text_is_plain(json_string_value(value), 2 * IDENTITY_TEXT_MAX + 1))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    AUTO_JSON json_t *holder = NULL;
    AUTO_FREE char *name = NULL;

    ERR_clear_error(); /* what it keeps looks like a leak, and looking for leaks takes time */
    if (certificate == NULL)
        return 0;
    holder = identity_holder(certificate);
    check_texts(holder);
    if (identity_is_person(holder) != (identity_subject(holder) != NULL))
        abort();
    (void)identity_card_type(certificate);
    (void)identity_time(X509_get0_notAfter(certificate));
    name = identity_name_text(X509_get_subject_name(certificate));
    X509_free(certificate);
    return 0;
}
