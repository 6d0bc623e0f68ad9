/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

int command_statement(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--audience", "audience", OPTION_TEXT, NULL},
        {"--nonce", "nonce", OPTION_TEXT, NULL},
        {"--counter-sign", "counter_sign", OPTION_TRUE, NULL},
        {"--epoch", "epoch", OPTION_NUMBER, NULL},
        {0},
    };
    json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *statement = NULL;
    const char *text, *by_card;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    if (json_get_string(params, "audience") == NULL || json_get_string(params, "nonce") == NULL) {
        json_decref(params);
        text_line(stderr, "%s", _("cpsctl: il faut --audience et --nonce"));
        return EXIT_USAGE;
    }
    status = cpsctl_call(ctl, "statement.get", params, CPSCTL_CONSENT_TIMEOUT_MS, &statement);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json) {
        text_json(statement);
        return EXIT_DONE;
    }
    text = json_get_string(statement, "statement");
    by_card = json_get_string(statement, "counter_signature");
    puts(text != NULL ? text : ""); /* of any length */
    if (by_card != NULL)
        puts(by_card);
    return EXIT_DONE;
}
