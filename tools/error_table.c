/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the error catalogue as JSON: what the API reference page is made from. */
#include <cps/error.h>
#include <jansson.h>
#include <stdio.h>

#include "base/util.h"

int main(void)
{
    AUTO_JSON json_t *errors = json_array();

    for (int i = CPS_OK + 1; i < CPS_ERROR_COUNT; i++) {
        const cps_error_text *text = cps_error_get_text((cps_error)i);

        json_array_append_new(errors, json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "name",
                                                cps_error_name((cps_error)i), "number",
                                                cps_error_number((cps_error)i), "message_fr",
                                                text->message_fr, "message_en", text->message_en,
                                                "advice_fr", text->advice_fr, "advice_en",
                                                text->advice_en));
    }
    return json_dumpf(errors, stdout, JSON_INDENT(1)) == 0 ? 0 : 1;
}
